"""Samples to turn in the page, each beside its nearest training shape, small enough to be inside it.

Samples of a folder without nearest training shapes, such as reconstructions, stand beside the prepared shape that they
were made from or for. The first of each class come before the second of each, never the finest.
"""

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.report.page_geometry import FACES, Geometry, geometry_of_cloud, geometry_of_mesh
from eval.report.tiles import read_json

COPY = 0.05  # p-values below it are called nearly a copy, as `argus3d-eval nearest` does
CLOUD = "pointcloud.npz"

Json = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """A folder of samples and the JSON of their nearest training shapes, None where nothing looked for them."""

    folder: Path
    nearest: Path | None


@dataclass(frozen=True)
class Prepared:
    """A prepared shape: where its points are, and what its manifest says of it."""

    cloud: Path | zipfile.Path
    said: Mapping[str, Any]


def shapes(given: Sequence[Given], data_root: Path | None, budget: int) -> Json:
    """Samples of each folder while they fit, and the shapes that they stand beside.

    budget : characters for all shapes together, shared equally among folders
    returns : plain JSON values: `folders` with their `samples`, and by id the `twins` that samples stand beside
    Raises : FileNotFoundError, or ValueError for a folder of which nothing fits, a file that is no mesh, or a training
        shape that is not prepared
    """
    prepared = prepared_shapes(data_root) if data_root else {}
    twins: dict[str, Json] = {}
    folders = [_folder(one, prepared, twins, budget // len(given)) for one in given]
    return {"folders": folders, "twins": twins, "faces": FACES}


def prepared_shapes(data_root: Path) -> dict[str, Prepared]:
    """Id -> prepared shape, in folders and packs. Raises: FileNotFoundError"""
    if not data_root.is_dir():
        raise FileNotFoundError(f"{data_root} is missing; name the folder of prepared data")
    said = {
        shape["id"]: shape
        for manifest in sorted(data_root.glob("*/manifest.json"))
        for shape in json.loads(manifest.read_text()).get("shapes", [])
    }
    clouds: dict[str, Path | zipfile.Path] = {
        path.parent.name: path for path in sorted(data_root.glob(f"*/*/*/{CLOUD}"))
    }
    for pack in map(zipfile.ZipFile, sorted(data_root.glob("*/packs/*.zip"))):
        names = (name for name in pack.namelist() if name.endswith(f"/{CLOUD}"))
        clouds |= {name.split("/")[-2]: zipfile.Path(pack, name) for name in names}
    return {item: Prepared(cloud, said.get(item, {})) for item, cloud in clouds.items()}


def _folder(given: Given, prepared: Mapping[str, Prepared], twins: dict[str, Json], budget: int) -> Json:
    manifest = read_json(given.folder / "manifest.json")
    nearest = read_json(given.nearest)["nearest"] if given.nearest else {}
    filled = [sample for sample in manifest["samples"] if sample.get("file") and not sample.get("empty")]
    taken: list[Json] = []
    spent = 0
    for sample in _in_turn(filled):
        beside = _nearest(sample, nearest, prepared) if given.nearest else _original(sample, prepared)
        geometry = geometry_of_mesh(given.folder / str(sample["file"]))
        twin = _geometry(prepared[beside["id"]]) if beside and beside["id"] not in twins else None
        spent += len(geometry) + (len(twin) if twin else 0)
        if spent > budget:
            break
        if beside and twin:
            twins[beside["id"]] = {**_work(prepared[beside["id"]]), "geometry": twin.parts}
        taken.append({**_facts(sample), "geometry": geometry.parts, "beside": beside})
    if not taken:
        raise ValueError(f"{given.folder}: no sample with a surface fits into the page; leave the folder out")
    return {
        "name": "/".join(given.folder.absolute().parts[-2:]),
        "command": str(manifest.get("command", "")),
        "asked": len(manifest["samples"]),
        "filled": len(filled),
        "samples": sorted(taken, key=lambda sample: (sample["category"], sample["id"])),
    }


def _in_turn(samples: Sequence[Json]) -> Iterator[Json]:
    """The first of each class, then the second of each, and so on, in the manifest's order."""
    seen: dict[str, int] = defaultdict(int)
    placed = []
    for sample in samples:
        category = str(sample.get("category"))
        placed.append((seen[category], sample))
        seen[category] += 1
    yield from (sample for _, sample in sorted(placed, key=lambda entry: entry[0]))


def _facts(sample: Mapping[str, Any]) -> Json:
    return {"id": str(sample["id"]), "category": str(sample.get("category") or "no class"), "seed": sample.get("seed")}


def _nearest(sample: Mapping[str, Any], nearest: Mapping[str, Any], prepared: Mapping[str, Prepared]) -> Json | None:
    """The nearest training shape, None where its class has none."""
    found = nearest.get(sample["id"])
    if found is None:
        return None
    if found["id"] not in prepared:
        raise ValueError(f"training shape {found['id']} is not in the prepared data; name its folder with --data-root")
    p_value = found.get("p_value")
    return {
        "id": str(found["id"]),
        "what": "Nearest training shape",
        "distance": f"{1e3 * float(found['distance']):.2f}",
        "p": p_value,
        "copy": p_value is not None and p_value < COPY,
    }


def _original(sample: Mapping[str, Any], prepared: Mapping[str, Prepared]) -> Json | None:
    """The shape that a sample was made from or for, None where it names none that is prepared."""
    item = str(sample.get("shape", sample["id"]))
    what = "The shape it was made for" if "shape" in sample else "The shape it was made from"
    return {"id": item, "what": what} if item in prepared else None


def _work(shape: Prepared) -> Json:
    """Whose work it is: licences ask that it be said."""
    return {key: str(shape.said[key]) for key in ("caption", "creator", "licence") if shape.said.get(key)}


def _geometry(shape: Prepared) -> Geometry:
    with shape.cloud.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        points, normals = content["points"].astype(np.float64), content["normals"].astype(np.float64)
    return geometry_of_cloud(points, normals)
