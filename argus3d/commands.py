"""`argus3d sample`, `argus3d reconstruct`."""

import argparse
import errno
import json
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from argus3d import checkpoint, engine
from argus3d.batches import Loading, Reconstructions, SampleBatches, Sampling
from argus3d.checkpoint.shards import DTYPES
from argus3d.data.files import sha256_file
from argus3d.data.prepared import PreparedData
from argus3d.data.splits import read_part
from argus3d.engine import Engine
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, Request, SamplingConfig, requests
from argus3d.samples import FORMATS, SampleFiles, SampleFolder, sample_files

HERE = "this process alone"


def add_parsers(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands that use a checkpoint."""
    sample = commands.add_parser("sample", help="generate shapes into a folder")
    sample.set_defaults(run=run_sample)
    _add_generator(sample)
    what = sample.add_mutually_exclusive_group()
    what.add_argument("--category", help="one class; may be left out where the checkpoint has a single one")
    what.add_argument("--like", metavar="FILE/PART", help="as many of each class as this part of a split file holds")
    sample.add_argument("--count", type=positive, default=16, help="shapes of --category (default: 16)")
    sample.add_argument(
        "--batch-size", type=batch_size, default=None, metavar="N|auto",
        help="shapes whose tokens are written together; no shape depends on it (default: auto, as memory allows)",
    )  # fmt: skip
    sample.add_argument("--top-k", type=positive, help="draw from the likeliest (default: 250, or all if fewer)")
    sample.add_argument("--top-p", type=float, help="draw from the likeliest that sum to this (default: off)")
    sample.add_argument("--temperature", type=float, default=1.0, help="divides the logits (default: 1)")
    sample.add_argument("--greedy", action="store_true", help="the likeliest token at each step")
    sample.add_argument(
        "--scramble", type=Path, metavar="FOLDER",
        help="no transformer: each token is drawn from those at its position in a folder of shapes (a floor)",
    )  # fmt: skip
    _add_data(sample)
    engine.add_arguments(sample, HERE)

    back = commands.add_parser("reconstruct", help="pass prepared shapes through the autoencoder")
    back.set_defaults(run=run_reconstruct)
    _add_generator(back)
    back.add_argument("--shapes", required=True, metavar="FILE/PART", help="a part of a split file")
    _add_data(back)
    engine.add_arguments(back, HERE)


def positive(text: str) -> int:
    """An argument that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number


def batch_size(text: str) -> int | None:
    """A number of rows, or None for auto."""
    if text == "auto":
        return None
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is neither a number nor auto")
    return positive(text)


def _add_generator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", default="nano", help="a shipped name or a folder (default: nano)")
    parser.add_argument("--out", type=Path, required=True, help="folder for meshes, pictures and the manifest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resolution", type=positive, help="cells along a side (default: the checkpoint's)")
    parser.add_argument("--threshold", type=float, help="occupancy probability (default: the checkpoint's)")
    parser.add_argument("--format", choices=FORMATS, default="ply", help="of the mesh files (default: ply)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--dtype", choices=DTYPES, help="of the transformer (default: as stored)")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, default=Path("artifacts/data"), help="folder of prepared data")
    parser.add_argument("--source", action="append", default=[], help="a prepared source that the split draws from")


def _split_part(text: str) -> list[str]:
    path, _, part = text.rpartition("/")
    return read_part(Path(path), part)


def _command() -> str:
    return shlex.join(["argus3d", *sys.argv[1:]])


def _checkpoint_facts(name: str) -> dict[str, Any]:
    return checkpoint.facts(checkpoint.find(name))


def _loading(arguments: argparse.Namespace) -> Loading:
    return Loading(arguments.checkpoint, arguments.device, arguments.dtype)


def _generator(arguments: argparse.Namespace, by: Engine | None) -> ArgusGenerator:
    """The checkpoint, with a word on stderr where its weights look untrained.

    by : where an engine makes the shapes the checkpoint only answers questions here, and no device is needed
    """
    loading = _loading(arguments)
    generator = (replace(loading, device="cpu") if by else loading).generator()
    for warning in checkpoint.warnings(generator.argus):
        print(f"argus3d: warning: {warning}", file=sys.stderr)
    return generator


def run_sample(arguments: argparse.Namespace) -> None:
    """Generate shapes; finished ones of an interrupted run are kept."""
    by = engine.elsewhere(arguments)
    generator = _generator(arguments, by)
    top_k = arguments.top_k or min(250, generator.argus.config.transformer.vocabulary)
    config = SamplingConfig(
        top_k, arguments.top_p, arguments.temperature, arguments.greedy, arguments.resolution, arguments.threshold
    )
    wanted = _requests(arguments, generator)
    generator.check(config, [request.category for request in wanted])
    facts = _checkpoint_facts(arguments.checkpoint)
    settings = asdict(config) | _common_settings(arguments, facts)
    if arguments.scramble:
        settings["scramble"] = sha256_file(arguments.scramble / "manifest.json")
    folder = SampleFolder(arguments.out, settings, arguments.format)
    open_requests = [request for request in wanted if request.id not in folder]
    sampling = Sampling(arguments.seed, config, arguments.batch_size, arguments.scramble)
    with _Bar("sample", len(open_requests)) as bar:
        if by is None:
            _write(folder, _here(generator, sampling, open_requests, arguments, bar), bar)
        else:
            start = SampleBatches(_loading(arguments), sampling, arguments.format)
            batches = sampling.batches(open_requests, arguments.device)
            _write(folder, _elsewhere(by, start, batches, bar), bar)
    _report(folder.finish([request.id for request in wanted], facts, _command()))


def _here(
    generator: ArgusGenerator, sampling: Sampling, wanted: list[Request], arguments: argparse.Namespace, bar: "_Bar"
) -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
    """Files of the requested shapes, made in this process."""
    if sampling.scramble:
        bar.tokens(len(wanted))
    for shape in sampling.shapes(generator, wanted, bar.tokens):
        yield sample_files(shape, arguments.format), {}


def _elsewhere(
    by: Engine, start: SampleBatches, batches: list[Sequence[Request]], bar: "_Bar"
) -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
    """Files of the requested shapes, made by the engine's workers."""
    for made in by.map(start, batches, gpus=start.loading.gpus):
        bar.tokens(len(made))
        yield from ((files, {}) for files in made)


def _common_settings(arguments: argparse.Namespace, facts: dict[str, str]) -> dict[str, Any]:
    """What decides the shapes and their files, beside how tokens are drawn."""
    return {
        "seed": arguments.seed, "checkpoint": facts["sha256"], "format": arguments.format, "dtype": arguments.dtype,
        "resolution": arguments.resolution, "threshold": arguments.threshold,
    }  # fmt: skip


def _write(folder: SampleFolder, results: Iterable[tuple[SampleFiles, dict[str, Any]]], bar: "_Bar") -> None:
    """Write shapes as they come. Raises: UserError when the disk is full; what was finished stays."""
    try:
        for made, facts in results:
            folder.keep(made, **facts)
            bar.shape()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"no space left for {folder.folder}; its {folder.finished} finished shapes are whole. "
            "Free some space and run the same command again: it goes on from there."
        ) from error


class _Bar:
    """Progress over shapes: half of a shape is its tokens, half its mesh and files."""

    def __init__(self, what: str, shapes: int) -> None:
        self.left = shapes
        form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
        self.bar = tqdm(total=shapes, desc=what, bar_format=form, disable=None)
        self._say()

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def tokens(self, shapes: float) -> None:
        """So many shapes' worth of tokens more are there."""
        self.bar.update(shapes / 2)

    def shape(self) -> None:
        """One shape more is written."""
        self.left -= 1
        self._say()
        self.bar.update(0.5)

    def _say(self) -> None:
        self.bar.set_postfix_str(f"{self.left} shapes left", refresh=False)


def _requests(arguments: argparse.Namespace, generator: ArgusGenerator) -> list[Request]:
    if arguments.like:
        data = PreparedData(arguments.root, arguments.source)
        counts = Counter(shape.category for shape in data.select(_split_part(arguments.like)))
        return [request for category in sorted(counts) for request in requests(category, counts[category])]
    if arguments.category is None and len(generator.categories) > 1:
        raise UserError(
            f"{generator.name} is guided by class and knows no shape without one; add --category, "
            f"one of {', '.join(generator.categories)}."
        )
    return requests(arguments.category or generator.categories[0], arguments.count)


def run_reconstruct(arguments: argparse.Namespace) -> None:
    """Reconstruct prepared shapes, with the IoU of each in the manifest."""
    by = engine.elsewhere(arguments)
    generator = _generator(arguments, by)
    config = SamplingConfig(resolution=arguments.resolution, threshold=arguments.threshold)
    generator.surface(config)
    facts = _checkpoint_facts(arguments.checkpoint)
    settings = _common_settings(arguments, facts) | {"kind": "reconstruction"}
    folder = SampleFolder(arguments.out, settings, arguments.format)
    shapes = PreparedData(arguments.root, arguments.source).select(_split_part(arguments.shapes))
    todo = [shape for shape in shapes if shape.id not in folder]
    by_id = {shape.id: shape.record for shape in shapes}

    start = Reconstructions(_loading(arguments), arguments.seed, config, arguments.format)

    def results() -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
        made = map(start.on(generator), todo) if by is None else by.map(start, todo, gpus=start.loading.gpus)
        for files, ious in made:
            record = by_id[files.record["id"]]
            bar.tokens(1)
            yield files, {key: record[key] for key in ("source", "solidity") if key in record} | ious

    with _Bar("reconstruct", len(todo)) as bar:
        _write(folder, results(), bar)
    _report(folder.finish([shape.id for shape in shapes], facts, _command()))


def _report(manifest: dict[str, Any]) -> None:
    samples = manifest["samples"]
    empty = sum(sample["empty"] for sample in samples)
    print(f"{len(samples)} shapes, {empty} of them empty", file=sys.stderr)
    print(json.dumps({"shapes": len(samples), "empty": empty, "checkpoint": manifest["checkpoint"]}))
