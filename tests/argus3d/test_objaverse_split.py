"""The rule of split objaverse-v1."""

import hashlib
import random

import pytest

from argus3d.data.annotations import OBJECT_PATHS
from argus3d.data.objaverse import derive_objaverse, part_of
from argus3d.errors import UserError
from tests.argus3d.mix_files import uid


def test_parts_follow_from_the_uid_alone() -> None:
    places = [
        int(hashlib.sha256(f"objaverse-v1:{uid(number)}".encode()).hexdigest(), 16) / 2**256 for number in range(3000)
    ]
    expected = ["train" if place < 0.7 else "val" if place < 0.8 else "test" for place in places]
    found = [part_of(uid(number)) for number in range(3000)]
    assert found == expected
    assert [round(found.count(part) / 3000, 1) for part in ("train", "val", "test")] == [0.7, 0.1, 0.2]


def test_splits_are_derived_from_the_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = {uid(number): f"000-{number % 160:03d}" for number in range(20_000)}
    lvis = {
        "chair": [uid(number) for number in range(0, 12_000, 2)],
        "table": [uid(number) for number in range(0, 9000)],
    }
    parts = derive_objaverse(lvis, chunks)
    assert list(parts) == ["train", "val", "test", "lvis-train", "lvis-val", "lvis-test", "test-core", "train-core"]
    assert sorted(parts["train"] + parts["val"] + parts["test"]) == sorted(chunks)
    classed = set(lvis["chair"] + lvis["table"])
    for part in ("train", "val", "test"):
        assert parts[f"lvis-{part}"] == sorted(classed & set(parts[part]))
    assert parts["test-core"] == slow_core(parts["lvis-test"], chunks)
    assert parts["train-core"] == slow_core(parts["lvis-train"], chunks)
    assert len(parts["test-core"]) == len(parts["train-core"]) == 2000
    assert {chunks[item] for item in parts["train-core"]} <= {chunks[item] for item in parts["test-core"]}
    shuffled = dict(random.Random(1).sample(sorted(chunks.items()), len(chunks)))
    assert derive_objaverse(lvis, shuffled) == parts


def slow_core(ids: list[str], chunks: dict[str, str]) -> list[str]:
    """Chunk by chunk in the order of their hashes, taking hashes of uids in order, until 2,000 are there."""
    core: list[str] = []
    for chunk in sorted(
        set(chunks.values()), key=lambda name: hashlib.sha256(f"objaverse-v1:{name}".encode()).digest()
    ):
        inside = [item for item in ids if chunks[item] == chunk]
        inside.sort(key=lambda name: hashlib.sha256(f"objaverse-v1:{name}".encode()).digest())
        core += inside[: 2000 - len(core)]
    return sorted(core)


def test_splits_need_both_lists() -> None:
    with pytest.raises(UserError, match=rf"put {OBJECT_PATHS} beside lvis-annotations"):
        derive_objaverse({"chair": [uid(0)]}, None)
    with pytest.raises(UserError, match=f"1 objects that {OBJECT_PATHS} lacks, first {uid(0)}"):
        derive_objaverse({"chair": [uid(0)]}, {uid(1): "000-000"})
