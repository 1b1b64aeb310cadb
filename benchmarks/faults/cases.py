"""What is disturbed: each kind of work as the commands that people run, of a second or two, and what they are given."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import trimesh

from argus3d import config
from argus3d.data.splits import write_split
from benchmarks.faults.processes import Line, run
from benchmarks.faults.whole import KEPT, is_partial
from tests.argus3d.sizes import LEARNER, TRANSFORMER
from tests.argus3d.test_sample_command import write_checkpoint

MESHES = 8
POINTS = ("--surface-points", "500", "--uniform-points", "1000", "--near-points", "500")
TRAINING = (
    "--steps", "16", "--batch-size", "2", "--warmup", "4", "--validate-every", "4", "--save-every", "2",
    "--precision", "float32",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Commands that lead to one result.

    finished : of a folder, the files that mark what is done; a run that goes on leaves them as they are
    """

    name: str
    lines: Sequence[Line]
    finished: Callable[[Path], list[Path]]


def patterns(*globs: str) -> Callable[[Path], list[Path]]:
    """Files of a folder by globs."""
    return lambda folder: sorted(path for pattern in globs for path in folder.glob(pattern) if not is_partial(path))


def _packs(folder: Path) -> list[Path]:
    lists = patterns("data/mine/packs/*.jsonl")(folder)
    return [path for one in lists for path in (one, one.with_suffix(".zip"))]


def write_inputs(folder: Path) -> None:
    """Meshes, a checkpoint of the smallest sizes, clouds, prepared shapes, a trained stage 1, samples and results."""
    config._PRESETS["nano"] = (LEARNER, replace(TRANSFORMER, classes=2))
    for index in range(MESHES):
        path = folder / "tree" / ("long", "short")[index % 2] / f"{index:02d}.ply"
        path.parent.mkdir(parents=True, exist_ok=True)
        trimesh.creation.capsule(height=1 + index / 10, radius=0.5, count=[32, 32]).export(path)
    rng = np.random.default_rng(0)
    for name in ("made", "real"):
        np.save(folder / f"{name}.npy", rng.standard_normal((40, 256, 3)).astype(np.float32))
    every = {case.name: case for case in cases(folder)}
    _done(folder, _checkpoint)
    for name in ("prepare", "sample", "train autoencoder"):
        ended = run(every[name].lines, folder)
        if ended.code:
            raise SystemExit(f"{name} failed undisturbed: {ended.said}")
        if name == "prepare":
            _write_split(folder)
    scored = [("argus3d-eval", "score", "made.npy", "real.npy", "--protocol", "smoke", "--out", "results/a.json")]
    back = ("argus3d", "reconstruct", "--checkpoint", "tiny", "--root", "data", "--source", "mine")
    scored.append((*back, "--shapes", "mine-v1.json/val", "--out", "back"))
    ended = run(scored, folder)
    if ended.code:
        raise SystemExit(f"inputs of the report failed: {ended.said}")


def _done(folder: Path, work: Callable[[Path], None]) -> None:
    """Compute in another process, as nothing may here."""
    import os

    pid = os.fork()
    if pid == 0:
        work(folder)
        os._exit(0)
    os.waitpid(pid, 0)


def _checkpoint(folder: Path) -> None:
    write_checkpoint(folder / "tiny")


def _write_split(folder: Path) -> None:
    ids = [shape["id"] for shape in json.loads((folder / "data/mine/manifest.json").read_text())["shapes"]]
    write_split(folder / "mine-v1.json", "mine-v1", 1, "by hand", {"train": ids[2:], "val": ids[:2], "test": []})


def cases(inputs: Path) -> list[Case]:
    """All of them; what they are given lies in `inputs`, what they write in the current folder."""
    prepare = ("argus3d", "data", "prepare", "folder", "--path", f"{inputs}/tree", "--name", "mine", "--root", "data")
    shapes = patterns("data/mine/*/*/record.json")
    sample = ("argus3d", "sample", "--checkpoint", f"{inputs}/tiny", "--category", "lamp", "--count", "6")
    score = (
        "argus3d-eval", "score", f"{inputs}/made.npy", f"{inputs}/real.npy", "--protocol", "smoke", "--cache", KEPT,
        "--out", "result.json",
    )  # fmt: skip
    train = (
        "--root", f"{inputs}/data", "--source", "mine", "--split", f"{inputs}/mine-v1.json", *TRAINING,
    )  # fmt: skip
    stage_2 = ("--autoencoder", f"{inputs}/autoencoder", "--checkpoint", "checkpoint", "--part")
    return [
        Case("prepare", [(*prepare, *POINTS, "--workers", "1")], shapes),
        Case("prepare, packed", [(*prepare, *POINTS, "--views", "--workers", "1", "--packed")], _packs),
        Case("prepare, 2 workers", [(*prepare, *POINTS, "--workers", "2")], shapes),
        Case("sample", [(*sample, "--batch-size", "2", "--out", "samples")], patterns("samples/records/*.json")),
        Case("score", [score], patterns()),  # what is kept is added to: see `whole.differences`
        Case("score, 2 workers", [(*score, "--workers", "2")], patterns()),
        Case(
            "train autoencoder",
            [("argus3d", "train", "autoencoder", *train, "--queries", "64", "--out", "autoencoder")],
            patterns(),
        ),
        Case(
            "train transformer",
            [("argus3d", "train", "transformer", *train, *stage_2, "--keep-best", "validation_loss", "--out", "t")],
            patterns("t/tokens-*.npy"),
        ),
        Case("report", _report(inputs), patterns()),
    ]


def _report(inputs: Path) -> list[Line]:
    """Table, figures, sheets and page."""
    result, samples, back = f"{inputs}/results/a.json", f"{inputs}/samples", f"{inputs}/back"
    data = ("--data-root", f"{inputs}/data")
    return [
        ("argus3d-eval", "table", result, "--out", "table"),
        ("argus3d-eval", "figure", result, "--out", "metrics.png"),
        ("argus3d-eval", "figure", "--codes", samples, "--out", "codes.png"),
        ("argus3d-eval", "sheet", "glance", samples, "--out", "glance.png"),
        ("argus3d-eval", "sheet", "reconstructions", back, *data, "--out", "back.png"),
        ("argus3d-eval", "page", result, "--figure", "metrics.png", "--sheet", "back.png", "--out", "page.html"),
    ]
