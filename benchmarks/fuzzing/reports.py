"""Readers of what sheets and pages are made of: folders of samples, their nearest shapes, run records."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

from argus3d.data.files import npz
from argus3d.data.prepared import PreparedShape
from argus3d.data.stores import Folder
from benchmarks.fuzzing.arrays import npy
from benchmarks.fuzzing.mutate import TEXT, tree
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.tables import laid_out
from benchmarks.fuzzing.texts import JSON, result_json, sample_json
from benchmarks.fuzzing.watch import outside
from eval.nearest_file import read_nearest
from eval.report.codes_figure import read_codes
from eval.report.glance import glance_sheet
from eval.report.page_geometry import geometry_of_mesh
from eval.report.page_markdown import read_tables
from eval.report.page_published import FIELDS, published_tables, read_published
from eval.report.page_runs import cost_table, counts_table, read_runs
from eval.report.page_shapes import Given, shapes
from eval.report.sheets import contact_sheet, reconstruction_rows, sample_rows
from eval.report.task_sheets import task_sheet
from eval.sample_folder import read_samples

ROOM = 100_000  # characters of a page


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def _manifest(**more: Any) -> list[bytes]:
    samples = [sample_json("a", **more), sample_json("b", **more, empty=True, file=None)]
    return [_json({"schema": 1, "samples": samples, "command": "argus3d sample"})]


def _drawn(folder: Path) -> None:
    """A mesh, pictures and a part; beside the target the same, which must not be read."""
    box = bytes(trimesh.creation.box().export(file_type="ply"))
    for place in (folder, outside(folder)):
        for below in ("meshes", "pictures", "given"):
            (place / below).mkdir(parents=True, exist_ok=True)
        (place / "meshes" / "a.ply").write_bytes(box)
        for name in ("pictures/a.png", "given/a.png", "x", "x.png"):
            with (place / name).open("wb") as stream:
                Image.new("RGB", (16, 16), (90, 90, 90)).save(stream, "png")
        (place / "parts.npz").write_bytes(npz({"s": np.zeros((4, 3), np.float32)}))


def _shape(folder: Path) -> dict[str, PreparedShape]:
    """The shape "s", as if it were prepared there."""
    (folder / "render.png").write_bytes((folder / "pictures" / "a.png").read_bytes())
    return {"s": PreparedShape({"id": "s", "category": "chair"}, Folder(folder))}


def _pairs(path: Path) -> object:
    samples, prepared = read_samples(path.parent), _shape(path.parent)
    rows = sample_rows(samples, read_nearest(path.parent / "nearest.json"), prepared)
    return contact_sheet(rows, ("sample", "nearest"))


def _reconstructions(path: Path) -> object:
    samples = read_samples(path.parent)
    prepared = dict.fromkeys((sample.id for sample in samples), _shape(path.parent)["s"])
    return contact_sheet(reconstruction_rows(samples, prepared), ("back", "original"))


def _tasks(path: Path) -> object:
    samples = read_samples(path.parent)
    return task_sheet(samples, _shape(path.parent)), glance_sheet([path.parent])


def _given() -> list[bytes]:
    each = ({"part": "x"}, {"image": "given/a.png"}, {"text": "a chair"}, {"category": "chair"})
    return [content for given in each for content in _manifest(shape="s", number=0, given=given)]


def _beside_nearest(folder: Path) -> None:
    _drawn(folder)
    (folder / "nearest.json").write_bytes(_nearest()[0])


def _nearest() -> list[bytes]:
    return [_json({"nearest": {"a": {"id": "s", "distance": 0.1, "p_value": 0.5}, "b": {"id": "s", "distance": 1}}})]


def _page(path: Path) -> object:
    return json.dumps(shapes([Given(path.parent, None)], None, ROOM), allow_nan=False)


def _meshes() -> list[bytes]:
    """Of more faces than a page keeps, so that they are simplified; and one that cannot be."""
    ring = trimesh.creation.torus(1, 0.3, 28, 29)
    twice = trimesh.Trimesh(ring.vertices, np.concatenate([ring.faces, ring.faces]), process=False)
    return [bytes(mesh.export(file_type="ply")) for mesh in (ring, twice)]


def _run(folder: Path) -> None:
    (folder / "one.json").write_bytes(_json(result_json()))


def _record() -> list[bytes]:
    machine = {"cores": 2, "processor": "x86_64"}
    return [_json({"seconds": 1.5, "command": "argus3d-eval", "machine": machine, "versions": {"numpy": "2"}})]


def _read_record(path: Path) -> object:
    (run,) = read_runs([path.with_name("one.json")])
    cost = cost_table(run)
    return laid_out([counts_table(run), *([cost] if cost else [])])


def _codes(folder: Path) -> None:
    (folder / "tokens" / "b.npy").write_bytes(npy(np.arange(4)))


def _read_codes(path: Path) -> object:
    return [(use.counts.sum(), use.perplexity) for use in read_codes([path.parent.parent])]


def _published() -> list[bytes]:
    known = ("unconditional", "chair", "a", "COV", "CD", "50", "percent", "P", "x")
    return ["\n".join(map(",".join, (FIELDS, known, ("speed",) * 7 + ("S", "y")))).encode()]


def _read_published(path: Path) -> object:
    laid_out(published_tables(read_published(path), read_runs([path.with_name("one.json")])))
    return path


def _markdown() -> list[bytes]:
    table = "| a | b |\n| --- | ---: |\n| **1**<br><sub>0 \u2013 2</sub> | [2](x) |\n"
    return [f"**Title**\n\n{table}\n- a `note`\n".encode(), f"<!-- cost:begin -->\n{table}<!-- cost:end -->".encode()]


def _read_markdown(path: Path) -> object:
    return laid_out(read_tables(path))


READERS = (
    Reader("sheet of samples", "manifest.json", _pairs, _manifest, JSON, around=_beside_nearest, named=("target",)),
    Reader(
        "sheet of reconstructions",
        "manifest.json",
        _reconstructions,
        lambda: _manifest(iou=0.5, source="s"),
        JSON,
        around=_drawn,
        named=("target",),
    ),
    Reader("sheet of tasks", "manifest.json", _tasks, _given, JSON, around=_drawn, named=("target", "prepared")),
    Reader("page of samples", "manifest.json", _page, _manifest, JSON, around=_drawn, named=("target",)),
    Reader("nearest.json", "nearest.json", read_nearest, _nearest, JSON),
    Reader("mesh of a page", "x.ply", geometry_of_mesh, _meshes, TEXT),
    Reader("codes", "tokens/a.npy", _read_codes, lambda: [npy(np.arange(4))], TEXT, around=_codes, named=("target",)),
    Reader("published.csv", "p.csv", _read_published, _published, TEXT, around=_run),
    Reader("markdown tables", "x.md", _read_markdown, _markdown, TEXT),
    Reader("run record", "one.run.json", _read_record, _record, (tree,) * 3, around=_run),
)
