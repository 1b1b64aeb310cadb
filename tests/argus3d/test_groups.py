"""Files of one object that lie apart in an archive."""

import random
from pathlib import Path

import pytest

from argus3d.data.formats import groups
from argus3d.data.formats.groups import read_groups
from tests.argus3d.mix_files import write_archive

pytest.importorskip("py7zr", reason="7z archives are read with py7zr, of the extra `data`")


def by_kind(count: int, size: int) -> dict[str, bytes]:
    """Files in the order of packers that sort by kind: all first files, then all second ones."""
    rng = random.Random(0)
    return {f"{name}/{number}": rng.randbytes(size) for name in ("one", "two") for number in range(count)}


@pytest.mark.parametrize("room", [0, 2500, 1 << 20])
def test_files_that_lie_apart_are_brought_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(groups, "MAX_WAITING", room)
    files = by_kind(9, 1000)
    write_archive(tmp_path / "x.7z", files)
    wanted = {str(number): (f"two/{number}", f"one/{number}") for number in (7, 2, 5)}
    assert list(read_groups(tmp_path / "x.7z", wanted)) == [
        (key, (files[f"two/{key}"], files[f"one/{key}"])) for key in ("2", "5", "7")
    ]


def test_groups_past_the_limit_or_with_a_bad_member_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = by_kind(3, 1000)
    write_archive(tmp_path / "x.7z", files)
    wanted = {"0": ["one/0", "two/0"], "1": ["one/1", "none"], "2": ["one/2"]}
    monkeypatch.setattr(groups, "MAX_GROUP", 1999)
    found = dict(read_groups(tmp_path / "x.7z", wanted))
    assert "0 has more than 1999 bytes" in str(found["0"])
    assert "has no member none" in str(found["1"])
    assert found["2"] == (files["one/2"],)
