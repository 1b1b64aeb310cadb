"""What a killed run left half-written beside its files is taken for none of them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from argus3d.data.derived_splits import derived_path
from argus3d.data.files import beside, is_empty, shown
from argus3d.data.stores import Folder
from argus3d.samples import SampleFolder
from eval.report import codes_figure, page_runs
from eval.sources import jobs_of_folder
from eval.splits import _names

KILLED = ".{name}.0123abcd-1.part{suffix}"


def half_written(path: Path) -> None:
    """A file as it is left by a process that is killed while it writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / KILLED.format(name=path.stem, suffix=path.suffix)).touch()


def mesh(path: Path) -> None:
    trimesh.creation.box().export(path)


def tokens(path: Path) -> None:
    np.save(path, np.arange(8))


def settings(path: Path) -> None:
    path.write_text("{}")


@pytest.mark.parametrize(
    ("name", "write", "read"),
    [
        ("records/a.json", settings, lambda folder: ["a"] * SampleFolder(folder, {}).finished),
        ("a.ply", mesh, lambda folder: [Path(job.id).stem for job in jobs_of_folder(folder)]),
        ("views/a.png", settings, lambda folder: [Path(name).stem for name in Folder(folder).names()]),
        ("a.json", settings, lambda folder: [path.stem for path in page_runs._results(folder)]),
        ("tokens/a.npy", tokens, lambda folder: ["a"] * codes_figure._read(folder).shapes),
    ],
    ids=["samples", "meshes", "pictures", "results", "tokens"],
)
def test_only_whole_files_are_read(
    tmp_path: Path, name: str, write: Callable[[Path], None], read: Callable[[Path], list[str]]
) -> None:
    path = tmp_path / name
    half_written(path)
    write(path)
    for one in ("meshes/a.ply", "pictures/a.png", "tokens/a.npy") if name.startswith("records") else ():
        (tmp_path / one).parent.mkdir()
        (tmp_path / one).touch()
    assert read(tmp_path) == ["a"]


def test_a_half_written_split_has_no_name(tmp_path: Path) -> None:
    before, path = _names(tmp_path), derived_path("mine-v1", tmp_path)
    half_written(path)
    assert _names(tmp_path) == before
    path.write_text(json.dumps({}))
    assert _names(tmp_path) == sorted([*before, "mine-v1"])


def test_scratch_files_are_hidden_ones(tmp_path: Path) -> None:
    with beside(tmp_path / "a.json") as scratch:
        scratch.touch()
        assert shown(tmp_path.iterdir()) == [] and is_empty(tmp_path)
    assert shown(tmp_path.iterdir()) == [tmp_path / "a.json"]
