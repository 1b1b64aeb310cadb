"""Protocols: hashed, refused when misspelt, read back as written."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from eval.protocol import PRESETS, Protocol, get_protocol


def test_every_field_moves_the_hash() -> None:
    base = get_protocol("argus3d-v1")
    others: dict[str, Any] = {
        "name": "mine", "points": 1024, "emd_points": 128, "normalization": "none", "chamfer": "l2_mean", "ecd_k": 1,
        "interval_repeats": 10, "confidence": 0.9, "seed": 1,
    }  # fmt: skip
    hashes = {dataclasses.replace(base, **{key: value}).hash for key, value in others.items()}
    assert len(hashes | {base.hash}) == len(others) + 1
    assert dataclasses.replace(base).hash == base.hash and len(base.hash) == 64


def test_the_default_says_what_the_field_does() -> None:
    v1 = get_protocol("argus3d-v1")
    assert (v1.points, v1.normalization, v1.chamfer, v1.ecd_k) == (2048, "box", "squared_mean", 10)
    assert "smoke" in PRESETS


def test_json_there_and_back(tmp_path: Path) -> None:
    mine = Protocol("mine", points=512, ecd_k=1)
    assert Protocol.from_json(json.loads(json.dumps(mine.to_json()))) == mine
    (tmp_path / "mine.json").write_text(json.dumps({"name": "mine", "points": 512, "ecd_k": 1}))
    assert get_protocol(str(tmp_path / "mine.json")) == mine


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"poinst": 1}, "unknown protocol key 'poinst'"),
        ({"chamfer": "cd"}, "chamfer is 'cd'"),
        ({"points": 0}, "points must be"),
        ({"points": 10.5}, "points must be"),
        ({"points": 16}, "emd_points 256 is more"),
        ({"confidence": 95}, "between 0 and 1"),
        ({"seed": -1}, "seed"),
        ({"interval_repeats": 1}, "at least 2"),
        ({"hash": "0"}, "hash does not belong"),
    ],
)
def test_mistakes_are_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Protocol.from_json({"name": "mine", **change})


def test_files_that_are_no_protocol(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="argus3d-v1, smoke"):
        get_protocol("argus-v1")
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text("[]")
    with pytest.raises(ValueError, match="not JSON"):
        get_protocol(str(tmp_path / "a.json"))
    with pytest.raises(ValueError, match="JSON object"):
        get_protocol(str(tmp_path / "b.json"))
    with pytest.raises(ValueError, match="needs a name"):
        Protocol.from_json({"points": 512})
