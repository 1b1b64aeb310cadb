"""Everything a page is made of, made up: results, published rows, pictures, samples and prepared shapes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

from eval.report.page import main
from eval.report.page_published import FIELDS
from tests.eval.report.results import generation, metric, write_result

# The second is so near to the first that their intervals meet.
ROWS = {
    "nano": 0.6,
    "nearly": 0.59,
    "other": 0.3,
    "training_set": 0.9,
    "reconstructed_training_set": 0.8,
    "scrambled": 0.1,
}


def write_run(folder: Path) -> Path:
    """A run of several generators and the rows that give their numbers meaning, with one run record."""
    folder.mkdir(parents=True)
    for name, quality in ROWS.items():
        write_result(folder, name, generation(quality), data={"reference": "same"})
    write_result(folder, "reference_vs_itself", generation(0.95), data={"reference": "other"})
    iou = {"iou": metric(0.7, 0.6, 0.8, "higher", 1.0)}
    write_result(folder, "reconstruction", iou, "reconstruction", {"source household": {"count": 12, "iou": 0.5}})
    record = {"seconds": 12.5, "command": "argus3d-eval score nano", "machine": {"cores": 2, "processor": "x86_64"}}
    (folder / "nano.run.json").write_text(json.dumps({**record, "versions": {"numpy": "2.0"}}))
    return folder


def write_published(path: Path, method: str = "Theirs") -> Path:
    lines = [
        f"unconditional,chair,{method},1-NNA,CD,58.5,percent,T,a paper",
        f"unconditional,chair,{method} by hearsay,1-NNA,CD,61.2,percent,S,a digest",
        f"unconditional,chair,{method},MMD,CD,3.1,unknown,T,a paper",
        f"speed,-,{method},generation time,none,14,seconds per shape,P,a repository",
    ]
    path.write_text("\n".join([",".join(FIELDS), *lines]) + "\n")
    return path


def write_picture(path: Path, size: tuple[int, int] = (60, 40)) -> Path:
    Image.new("RGB", size, (90, 120, 150)).save(path)
    return path


def write_samples(folder: Path, meshes: Mapping[str, trimesh.Trimesh | None]) -> Path:
    """A folder of samples of classes named by the first word of their ids; None is an empty one."""
    (folder / "meshes").mkdir(parents=True)
    samples: list[dict[str, Any]] = []
    for item, mesh in meshes.items():
        if mesh is not None:
            mesh.export(folder / "meshes" / f"{item}.ply")
        file = None if mesh is None else f"meshes/{item}.ply"
        samples.append({"id": item, "category": item.split("-")[0], "seed": 7, "empty": mesh is None, "file": file})
    manifest = {"samples": samples, "command": "argus3d sample --seed 7"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def write_prepared(root: Path, ids: tuple[str, ...], creator: str = "A. Maker") -> Path:
    """Prepared data of one source: spheres of 3,000 points."""
    rng = np.random.default_rng(0)
    for item in ids:
        normals = rng.normal(size=(3000, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        (root / "household" / "any" / item).mkdir(parents=True)
        arrays = {"points": (0.5 * normals).astype(np.float16), "normals": normals.astype(np.float16)}
        np.savez(root / "household" / "any" / item / "pointcloud.npz", **arrays)
    said = {"category": "any", "caption": "A ball", "creator": creator, "licence": "CC0-1.0"}
    shapes = [{"id": item} | said for item in ids]
    (root / "household" / "manifest.json").write_text(json.dumps({"shapes": shapes}))
    return root


def write_nearest(path: Path, found: Mapping[str, str], p_value: float | None = 0.4) -> Path:
    nearest = {item: {"id": twin, "distance": 0.00123, "p_value": p_value} for item, twin in found.items()}
    path.write_text(json.dumps({"nearest": nearest}))
    return path


@dataclass(frozen=True)
class Inputs:
    """Where everything lies, and the page of it all."""

    root: Path
    words: tuple[str, ...]

    def page(self, name: str = "index.html") -> str:
        """The page of all of it."""
        out = self.root / name
        main([*self.words, "--out", str(out)])
        return out.read_text(encoding="utf-8")


def write_inputs(root: Path) -> Inputs:
    """One run with pictures, samples, published rows and tables in Markdown."""
    run = write_run(root / "results" / "things")
    published, figure = write_published(root / "published.csv"), write_picture(root / "things-metrics.png")
    sheet = write_picture(root / "things-samples.png")
    meshes = {
        "ball-0": trimesh.creation.icosphere(subdivisions=4),
        "box-0": trimesh.creation.box((1, 0.5, 0.25)),
        "box-1": None,
        "ball-1": trimesh.creation.icosphere(subdivisions=1),
    }
    samples = write_samples(root / "samples" / "generated", meshes)
    data = write_prepared(root / "data", ("near",))
    nearest = write_nearest(root / "nearest.json", {"ball-0": "near", "box-0": "near"})
    readme = root / "README.md"
    readme.write_text(
        "<!-- cost:begin -->\nOn one core.\n\n| step | cost |\n| --- | --- |\n| one | 2 s |\n<!-- cost:end -->\n"
    )
    words = [run, "--published", published, "--figure", figure, "--sheet", sheet, "--cost", readme]
    words += ["--samples", samples, nearest, "--data-root", data]
    return Inputs(root, tuple(map(str, words)))


class Reader(HTMLParser):
    """Elements of a page in order, as (tag, attributes), and its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            del self._inside[len(self._inside) - 1 - self._inside[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._inside):
            self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]
