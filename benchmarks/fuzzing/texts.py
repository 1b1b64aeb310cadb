"""Readers of JSON and tables: manifests, splits, protocols, results, annotations."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from argus3d.checkpoint.info import facts
from argus3d.checkpoint.original import read_sizes
from argus3d.checkpoint.store import SHIPPED
from argus3d.data.annotations import read_captions, read_lvis, read_metadata, read_object_paths
from argus3d.data.prepared import PreparedData
from argus3d.data.splits import read_split, write_split
from argus3d.data.stores import read_record
from argus3d.samples import SampleFolder, read_tokens
from benchmarks.fuzzing.arrays import npy, stages
from benchmarks.fuzzing.containers import inside_gzip
from benchmarks.fuzzing.mutate import BYTES, TEXT, json_lines, tree
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.tables import laid_out_pairs, laid_out_result, laid_out_sweep, points_of_log
from benchmarks.fuzzing.watch import outside
from eval.clouds import load_clouds
from eval.protocol import Protocol, get_protocol
from eval.results import Counts, MetricValue, Result
from eval.sources import checkpoint_facts
from eval.task_folder import Tally, draw, read_tasks
from eval.task_folder import facts as task_facts
from tests.argus3d.mix_files import metadata, npz, uid
from tests.argus3d.sizes import CONFIG

CLOUD = np.random.default_rng(0).uniform(-0.4, 0.4, (64, 3)).astype(np.float16)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


# --- manifests -------------------------------------------------------------------------------------------------------


def sample_json(sample_id: str, **more: Any) -> dict[str, Any]:
    return {"id": sample_id, "category": "chair", "seed": 0, "file": f"meshes/{sample_id}.ply", "empty": False} | more


def _samples(**more: Any) -> dict[str, Any]:
    checkpoint = {"name": "nano", "sha256": "0" * 64, "trained_on": ["household-v1/train"]}
    return {
        "schema": 1,
        "samples": [sample_json("a"), sample_json("b", empty=True, file=None)],
        "checkpoint": checkpoint,
        **more,
    }


def _meshes(folder: Path) -> None:
    """Two meshes and their tokens; beside the target what must not be read."""
    box = trimesh.creation.box()
    for place in (folder / "meshes", outside(folder)):
        place.mkdir()
        for name in ("a.ply", "b.ply", "x"):
            (place / name).write_bytes(bytes(box.export(file_type="ply")))
    (folder / "tokens").mkdir(exist_ok=True)
    for place in (folder / "tokens" / "a.npy", folder / "tokens" / "b.npy", outside(folder) / "x.npy"):
        place.write_bytes(npy(np.arange(4)))


def _tokens(folder: Path) -> None:
    (folder / "tokens").mkdir(exist_ok=True)
    (folder / "tokens" / "b.npy").write_bytes(npy(np.arange(4)))
    (folder / "manifest.json").write_bytes(_json({"samples": [sample_json("a"), sample_json("b")]}))


def _read_manifest(path: Path) -> object:
    return checkpoint_facts(path.parent), load_clouds(str(path.parent), 8, 0)


def _task_manifest() -> list[bytes]:
    samples = [
        sample_json("a", shape="a.ply", number=0, given={"category": "chair"}),
        sample_json("b", shape="b.ply", number=0),
    ]
    settings = {"by": "text", "guidance": 3, "encoders": {"text": {"name": "m", "sha256": "0" * 64}}}
    return [_json(_samples(samples=samples, settings=settings))]


def _read_tasks(path: Path) -> object:
    tasks = read_tasks(path.parent, str(path.parent / "meshes"))
    return task_facts(path.parent), list(draw(tasks, 8, 8, 0, Tally()))


def _shapes() -> list[bytes]:
    record = {"id": "a", "category": "chair", "source": "src", "caption": "c", "sha256": {"pointcloud.npz": "0"}}
    return [_json({"schema": 1, "shapes": [record], "failed": [], "packs": {}})]


def _prepared(folder: Path) -> None:
    for place in (folder / "src" / "chair" / "a", outside(folder)):
        place.mkdir(parents=True)
        (place / "pointcloud.npz").write_bytes(npz(points=CLOUD, normals=CLOUD))


def _read_prepared(path: Path) -> object:
    shapes = PreparedData(path.parent.parent).shapes.values()
    return [(shape.category, shape.cloud(), shape.normals(), shape.queries, shape.has_views) for shape in shapes]


def _packed(folder: Path) -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("chair/a/pointcloud.npz", npz(points=CLOUD))
    (folder / "src" / "packs").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "packs" / "one.zip").write_bytes(out.getvalue())
    (folder / "src" / "manifest.json").write_bytes(_json({"schema": 1, "shapes": [], "packs": {"one.zip": "0"}}))


def _records() -> list[bytes]:
    records = [
        {"id": "a", "category": "chair", "pack": "one.zip", "source": "src", "sha256": {}},
        {"id": "b", "failed": "x"},
    ]
    return ["\n".join(json.dumps(record) for record in records).encode()]


def _read_packed(path: Path) -> object:
    return [(shape.category, shape.cloud()) for shape in PreparedData(path.parents[2]).shapes.values()]


def _settings(path: Path) -> object:
    return SampleFolder(path.parent, {"seed": 0, "checkpoint": {"name": "nano"}})


# --- checkpoints -----------------------------------------------------------------------------------------------------


def _about() -> list[bytes]:
    return [(SHIPPED / "nano" / "argus.json").read_bytes()]


def _stages(folder: Path) -> None:
    for stage in ("autoencoder", "transformer"):
        size = (SHIPPED / "nano" / f"{stage}.safetensors").stat().st_size
        with (folder / f"{stage}.safetensors").open("wb") as stream:
            stream.truncate(size)


def _read_about(path: Path) -> object:
    from argus3d.checkpoint.store import About

    return facts(path.parent), stages(About.read(path.parent).config)


def _read_sizes(path: Path) -> object:
    from argus3d.checkpoint.released import released_names

    config, names = read_sizes(str(path))
    return released_names(config), names


# --- what is measured ------------------------------------------------------------------------------------------------


def _split() -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.json"
        write_split(path, "s-v1", 1, "by hand", {"train": ["a", "b"], "test": ["c"]})
        return [path.read_bytes()]


def result_json() -> dict[str, Any]:
    value = MetricValue(0.5, 0.4, 0.6, "lower", 0.0, "side", 0.03)
    counts = {"generated": Counts(3, 2, (("c", "no surface"),)), "reference": Counts(2, 2)}
    data = {"generated": "0" * 64, "trained_on": "a", "baseline": "reference"}
    each = {"chair": {"count": 2.0, "cd": 0.5}}
    return Result(
        "nano", "generation", Protocol("argus3d-v1"), counts, {"mmd_cd": value}, data, each, ("a note",)
    ).to_json()


def _one_result(folder: Path) -> None:
    (folder / "one.json").write_bytes(_json(result_json()))
    (folder / "one.facts.json").write_bytes(_json(_facts()))


def _facts() -> dict[str, Any]:
    return {"study": "s", "order": 1, "title": "t", "facts": {"width": 64}, "x": "width", "budget": {"steps": 3}}


def _sweep() -> list[bytes]:
    rows = [{"label": "1", "x": 1.0, "result": "one.json"}, {"label": "2", "value": 2, "results": ["one.json"]}]
    content = {"schema": 1, "title": "t", "axis": "guidance", "columns": ["mmd_cd"], "rows": rows}
    return [_json(content), _json(content | {"rows": [{"value": 1, "label": "a", "results": ["one.json"]}]})]


def _pairs() -> list[bytes]:
    path = Path(__file__).parents[2] / "reports" / "sensitivity" / "household.json"
    content = json.loads(path.read_text())
    return [_json(content | {"pairs": content["pairs"][:1]})] if path.is_file() else []


# --- annotations -----------------------------------------------------------------------------------------------------


def _gz(value: Any) -> list[bytes]:
    return [gzip.compress(json.dumps(value).encode(), mtime=0)]


def _gz_bombs() -> list[bytes]:
    """Half a GiB of empty lists, and brackets within brackets."""
    return [gzip.compress(b"[" + b"[]," * (150 << 20) + b"[]]", 1), gzip.compress(b"[" * 100_000)]


JSON = (tree, tree, tree)
GZ = (inside_gzip((tree, *TEXT, *BYTES)), inside_gzip((tree,)))
READERS = (
    Reader(
        "manifest of samples",
        "manifest.json",
        _read_manifest,
        lambda: [_json(_samples())],
        JSON,
        around=_meshes,
        named=("target",),
    ),
    Reader("manifest of tasks", "manifest.json", _read_tasks, _task_manifest, JSON, around=_meshes, named=("target",)),
    Reader(
        "tokens",
        "tokens/a.npy",
        lambda path: read_tokens(path.parent.parent),
        lambda: [npy(np.arange(4))],
        TEXT,
        around=_tokens,
        named=("target",),
    ),
    Reader(
        "manifest for tokens",
        "manifest.json",
        lambda path: read_tokens(path.parent),
        lambda: [_json({"samples": [sample_json("a"), sample_json("b")]})],
        JSON,
        around=_meshes,
        named=("target",),
    ),
    Reader(
        "manifest of prepared data",
        "src/manifest.json",
        _read_prepared,
        _shapes,
        JSON,
        around=_prepared,
        named=("target",),
    ),
    Reader(
        "records of a pack",
        "src/packs/one.jsonl",
        _read_packed,
        _records,
        (json_lines,) * 3,
        around=_packed,
        named=("target",),
    ),
    Reader("record.json", "record.json", lambda path: read_record(path.parent), lambda: [_json({"id": "a"})], JSON),
    Reader(
        "settings.json", "settings.json", _settings, lambda: [_json({"seed": 0, "checkpoint": {"name": "nano"}})], JSON
    ),
    Reader("argus.json", "argus.json", _read_about, _about, JSON, around=_stages),
    Reader("sizes", "sizes.json", _read_sizes, lambda: [CONFIG.to_json().encode()], JSON),
    Reader(
        "protocol",
        "p.json",
        lambda path: get_protocol(str(path)),
        lambda: [_json(Protocol("x").to_json()), _json({"name": "x", "points": 64, "emd_points": 8})],
        JSON,
    ),
    Reader("split", "s.json", read_split, _split, JSON),
    Reader("result", "one.json", laid_out_result, lambda: [_json(result_json())], JSON),
    Reader("sweep", "sweep.json", laid_out_sweep, lambda: _sweep()[1:], JSON, around=_one_result, named=("target",)),
    Reader(
        "row of a study",
        "one.facts.json",
        lambda path: laid_out_sweep(path.parent),
        lambda: [_json(_facts())],
        JSON,
        around=_one_result,
        named=("target",),
    ),
    Reader("sensitivity", "x.json", laid_out_pairs, _pairs, JSON),
    Reader(
        "training log",
        "log.jsonl",
        points_of_log,
        lambda: [b'{"step": 1, "seconds": 1, "iou": 0.5}\n{"step": 2, "seconds": 2.5, "iou": 0.6, "perplexity": 9}\n'],
        (json_lines,) * 3,
    ),
    Reader(
        "lvis", "lvis.json.gz", read_lvis, lambda: _gz({"chair": [uid(1), uid(2)], "lamp": [uid(3)]}), GZ, _gz_bombs
    ),
    Reader("object paths", "paths.json.gz", read_object_paths, lambda: _gz({uid(1): f"glbs/000-012/{uid(1)}.glb"}), GZ),
    Reader("metadata", "000-012.json.gz", read_metadata, lambda: _gz({uid(1): metadata(1)}), GZ),
    Reader(
        "captions",
        "c.csv",
        lambda path: read_captions(path, {uid(1)}),
        lambda: [f'{uid(1)},"a ""chair"", red"\n{uid(2)},b\n'.encode()],
        TEXT,
    ),
)
