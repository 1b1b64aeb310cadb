"""The golden vectors, every array of them, and that the check can fail."""

from pathlib import Path

import numpy as np
import pytest

from tests import golden

DATA = Path(__file__).parent / "data"
STAGE1, STAGE2 = DATA / "golden_stage1.npz", DATA / "golden_stage2.npz"


def test_every_array_agrees() -> None:
    found = golden.check(STAGE1, STAGE2)
    assert [one.name for one in found if not one.passed] == []
    assert len(found) >= 39


def altered(file: Path, folder: Path, name: str, change: float) -> Path:
    arrays = dict(np.load(file, allow_pickle=False))
    arrays[name] = arrays[name] + np.array(change).astype(arrays[name].dtype)
    np.savez(folder / file.name, **arrays)
    return folder / file.name


@pytest.mark.parametrize(
    ("name", "change", "noticed"),
    [
        ("sd/decoder.fc_c.2.bias", 1e-3, ["out/logits", "out/forward_logits", "out/full32_logits"]),
        ("out/mesh_vertices", 1e-3, ["out/mesh_vertices"]),
    ],
)
def test_a_small_change_is_noticed(name: str, change: float, noticed: list[str], tmp_path: Path) -> None:
    found = golden.check_file(altered(STAGE1, tmp_path, name, change), golden.compare_stage1)
    assert set(noticed) <= {one.name for one in found if not one.passed}


def test_an_array_that_nothing_is_compared_with_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "new.npz", **{"out/known": np.zeros(3), "out/new": np.zeros(3)})
    known = [golden.Comparison("out/known", 0, 0)]
    with pytest.raises(ValueError, match="nothing is compared with: out/new"):
        golden.check_file(tmp_path / "new.npz", lambda arrays: iter(known))


def test_the_command_line_says_which(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    found = [golden.Comparison("out/a", 1e-6, 1e-5), golden.Comparison("out/b", float("nan"), 1e-5)]
    monkeypatch.setattr(golden, "check", lambda stage1, stage2: found)
    assert golden.main(["one.npz", "two.npz"]) == 1
    said = capsys.readouterr().out
    assert "FAIL out/b" in said and "ok   out/a" in said and "1 of 2 arrays agree" in said
    assert golden.main([]) == 2
