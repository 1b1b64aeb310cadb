"""Folders of samples that were made for shapes of a reference."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus3d.errors import UserError
from eval.sample_folder import read_parts
from eval.task_folder import Tally, draw, facts, read_tasks
from tests.eval.task_folders import Axes, edit, prepare, write_manifest, write_tasks

REFERENCE = "toys-v1/test"


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, dict[str, Axes]]:
    return tmp_path / "data", prepare(tmp_path / "data", {"chair": 2, "table": 1})


def test_samples_are_found_by_shape_in_order_of_their_numbers(data: tuple[Path, dict[str, Axes]]) -> None:
    root, axes = data
    folder = write_tasks(root.parent / "made", axes, lambda shape, _: axes[shape], given=lambda shape: {"text": shape})
    edit(folder, lambda records: records.reverse())
    tasks = read_tasks(folder, REFERENCE, root)
    assert [task.shape.id for task in tasks] == list(axes)
    assert [job.id for job in tasks[1].samples] == [f"{tasks[1].shape.id}-{number}" for number in range(3)]
    assert tasks[1].given == {"text": tasks[1].shape.id}
    assert [task.shape.category for task in read_tasks(folder, REFERENCE, root, ("table",))] == ["table"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda records: records[0].pop("shape"), "toys-chair-00-0 does not say for which shape it was made"),
        (lambda records: records[0].update(shape="other"), "has samples for other, which is not in toys-v1/test"),
        (lambda records: records.pop(), "3 samples for toys-chair-00, but 2 for toys-table-00"),
        (lambda records: records.__delitem__(slice(3)), "no sample for toys-chair-00 and 0 other of 3 shapes"),
        (lambda records: records.clear(), "has no manifest.json with samples"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused_in_a_sentence(
    data: tuple[Path, dict[str, Axes]], change: Callable[[list[dict[str, Any]]], object], said: str
) -> None:
    root, axes = data
    folder = write_tasks(root.parent / "made", axes, lambda shape, _: axes[shape])
    edit(folder, change)
    with pytest.raises(UserError, match=said):
        read_tasks(folder, REFERENCE, root)


def test_what_is_no_folder_and_a_class_that_is_not_there_are_refused(data: tuple[Path, dict[str, Axes]]) -> None:
    root, axes = data
    with pytest.raises(UserError, match="no folder of samples"):
        read_tasks(root / "nowhere", REFERENCE, root)
    folder = write_tasks(root.parent / "made", axes, lambda shape, _: axes[shape])
    with pytest.raises(UserError, match="no shape of sofa"):
        read_tasks(folder, REFERENCE, root, ("sofa",))


def test_parts_are_read_and_missing_or_broken_ones_named(data: tuple[Path, dict[str, Axes]]) -> None:
    root, axes = data
    folder = write_tasks(root.parent / "made", axes, lambda shape, _: axes[shape], parts=True)
    parts = read_parts(folder, list(axes))
    assert list(parts) == list(axes) and all(part.shape == (60, 3) for part in parts.values())
    with pytest.raises(UserError, match="no part of other and 0 other shapes"):
        read_parts(folder, [*axes, "other"])
    np.savez(folder / "parts.npz", **{shape: np.full((5, 3), np.nan) for shape in axes})
    with pytest.raises(UserError, match="the part of toys-chair-00 is no cloud of finite points"):
        read_parts(folder, list(axes))
    (folder / "parts.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match="cannot be read"):
        read_parts(folder, list(axes))
    (folder / "parts.npz").unlink()
    with pytest.raises(UserError, match="is missing, but completions are measured against their parts"):
        read_parts(folder, list(axes))


def test_what_fails_is_counted_and_the_rest_is_drawn(data: tuple[Path, dict[str, Axes]]) -> None:
    root, axes = data
    lost = next(iter(axes))
    folder = write_tasks(root.parent / "made", axes, lambda shape, n: None if shape == lost and n else axes[shape])
    tally = Tally()
    drawn = list(draw(read_tasks(folder, REFERENCE, root), 32, 64, 0, tally))
    assert [len(one.samples) for one in drawn] == [1, 3, 3] and drawn[0].samples.shape == (1, 64, 3)
    assert [job.id for job in drawn[0].found] == [f"{lost}-0"]
    counts = tally.counts()
    assert (counts["generated"].asked, counts["generated"].found) == (9, 7) and counts["reference"].found == 3
    assert tally.notes()[0].startswith(f"2 of 9 samples failed and are not in the numbers, the first {lost}-1")


def test_how_samples_were_made_is_told(tmp_path: Path) -> None:
    encoders = {"text": {"name": "minilm-sentence", "sha256": "ab" * 32}}
    write_manifest(tmp_path, [], {"by": "text", "each": 4, "guidance": 3.0, "encoders": encoders, "top_k": 9})
    assert facts(tmp_path) == {
        "by": "text",
        "each": "4",
        "guidance": "3.0",
        "encoders": "text minilm-sentence abababab",
    }
