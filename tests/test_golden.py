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
        ("sd/quantizer.project1.bias", 1e-3, "out/z"),
        ("sd/decoder.fc_c.2.bias", 1e-3, "out/logits"),
        ("in/points", 1e-3, "out/enc_xz"),
        ("out/mesh_vertices", 1e-3, "out/mesh_vertices"),
    ],
)
def test_a_small_change_of_stage_1_is_noticed(name: str, change: float, noticed: str, tmp_path: Path) -> None:
    found = golden.check(altered(STAGE1, tmp_path, name, change), STAGE2)
    assert noticed in [one.name for one in found if not one.passed]


def test_an_array_that_nothing_is_compared_with_is_refused(tmp_path: Path) -> None:
    arrays = dict(np.load(STAGE2, allow_pickle=False))
    np.savez(tmp_path / "stage2.npz", **arrays, **{"out/new": np.zeros(3)})
    with pytest.raises(ValueError, match="nothing is compared with: out/new"):
        golden.check(STAGE1, tmp_path / "stage2.npz")


def test_the_command_line_says_which(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    wrong = altered(STAGE1, tmp_path, "out/latent", 1.0)
    assert golden.main([str(wrong), str(STAGE2)]) == 1
    assert "FAIL out/latent" in capsys.readouterr().out
    assert golden.main([]) == 2
