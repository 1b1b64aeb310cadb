"""Samples to turn in the page, each beside its nearest training shape, small enough to be inside it.

Samples of a folder without nearest training shapes, such as reconstructions, stand beside the prepared shape that they
were made from or for. The first of each class come before the second of each, never the finest.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from argus3d.data.prepared import PreparedShape
from argus3d.errors import UserError
from eval.nearest_file import Nearest, read_nearest
from eval.report.page_geometry import FACES, Geometry, geometry_of_cloud, geometry_of_mesh
from eval.sample_folder import SampleRecord, read_manifest, read_samples
from eval.sources import prepared_shapes

Json = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """A folder of samples and the JSON of their nearest training shapes, None where nothing looked for them."""

    folder: Path
    nearest: Path | None


def shapes(given: Sequence[Given], data_root: Path | None, budget: int) -> Json:
    """Samples of each folder while they fit, and the shapes that they stand beside.

    budget : characters for all shapes together, shared equally among folders
    returns : plain JSON values: `folders` with their `samples`, and by id the `twins` that samples stand beside
    Raises : UserError for a folder of which nothing fits, a file that is no mesh, or a training shape that is not
        prepared
    """
    prepared = prepared_shapes(data_root) if data_root else {}
    twins: dict[str, Json] = {}
    folders = [_folder(one, prepared, twins, budget // len(given)) for one in given]
    return {"folders": folders, "twins": twins, "faces": FACES}


def _folder(given: Given, prepared: Mapping[str, PreparedShape], twins: dict[str, Json], budget: int) -> Json:
    samples = read_samples(given.folder)
    nearest = read_nearest(given.nearest) if given.nearest else None
    filled = [sample for sample in samples if sample.file and not sample.empty]
    taken: list[Json] = []
    spent = 0
    for sample in _in_turn(filled):
        beside = _original(sample, prepared) if nearest is None else _nearest(sample, nearest, prepared)
        assert sample.file, "others were left out"
        geometry = geometry_of_mesh(sample.file)
        twin = _geometry(prepared[beside["id"]]) if beside and beside["id"] not in twins else None
        spent += len(geometry) + (len(twin) if twin else 0)
        if spent > budget:
            break
        if beside and twin:
            twins[beside["id"]] = {**_work(prepared[beside["id"]]), "geometry": twin.parts}
        taken.append({**_facts(sample), "geometry": geometry.parts, "beside": beside})
    if not taken:
        raise UserError(f"{given.folder}: no sample with a surface fits into the page; leave the folder out.")
    return {
        "name": "/".join(given.folder.absolute().parts[-2:]),
        "command": str(read_manifest(given.folder).get("command", "")),
        "asked": len(samples),
        "filled": len(filled),
        "samples": sorted(taken, key=lambda sample: (sample["category"], sample["id"])),
    }


def _in_turn(samples: Sequence[SampleRecord]) -> Iterator[SampleRecord]:
    """The first of each class, then the second of each, and so on, in the manifest's order."""
    seen: dict[str, int] = defaultdict(int)
    placed = []
    for sample in samples:
        placed.append((seen[sample.category], sample))
        seen[sample.category] += 1
    yield from (sample for _, sample in sorted(placed, key=lambda entry: entry[0]))


def _facts(sample: SampleRecord) -> Json:
    seed = sample.said.get("seed")
    return {"id": sample.id, "category": sample.title, "seed": seed if isinstance(seed, int) else None}


def _nearest(
    sample: SampleRecord, nearest: Mapping[str, Nearest], prepared: Mapping[str, PreparedShape]
) -> Json | None:
    """The nearest training shape, None where its class has none."""
    found = nearest.get(sample.id)
    if found is None:
        return None
    if found.id not in prepared:
        raise UserError(f"training shape {found.id} is not in the prepared data; name its folder with --data-root.")
    return {
        "id": found.id,
        "what": "Nearest training shape",
        "distance": f"{1e3 * found.distance:.2f}",
        "p": found.p_value,
        "copy": found.near_copy,
    }


def _original(sample: SampleRecord, prepared: Mapping[str, PreparedShape]) -> Json | None:
    """The shape that a sample was made from or for, None where it names none that is prepared."""
    item = str(sample.said.get("shape", sample.id))
    what = "The shape it was made for" if "shape" in sample.said else "The shape it was made from"
    return {"id": item, "what": what} if item in prepared else None


def _work(shape: PreparedShape) -> Json:
    """Whose work it is: licences ask that it be said."""
    return {key: str(shape.record[key]) for key in ("caption", "creator", "licence") if shape.record.get(key)}


def _geometry(shape: PreparedShape) -> Geometry:
    points, normals = shape.cloud().astype(np.float64), shape.normals()
    if normals is None or normals.shape != points.shape:
        raise UserError(f"{shape.id} is prepared without normals, and the page draws by them; leave --data-root away.")
    return geometry_of_cloud(points, normals.astype(np.float64))
