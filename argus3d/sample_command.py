"""`argus3d sample`."""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from argus3d import commands, engine
from argus3d.batches import SampleBatches, Sampling
from argus3d.data.files import sha256_file
from argus3d.engine import Engine
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator, Request, SamplingConfig, requests
from argus3d.samples import SampleFiles, SampleFolder, sample_files


def add_parser(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `sample`."""
    sample = parsers.add_parser("sample", help="generate shapes into a folder")
    sample.set_defaults(run=run)
    commands.add_generator(sample)
    what = sample.add_mutually_exclusive_group()
    what.add_argument("--category", help="one class; may be left out where the checkpoint has a single one")
    what.add_argument("--like", metavar="FILE/PART", help="as many of each class as this part of a split file holds")
    sample.add_argument("--count", type=commands.positive, default=16, help="shapes of --category (default: 16)")
    sample.add_argument(
        "--batch-size", type=commands.batch_size, default=None, metavar="N|auto",
        help="shapes whose tokens are written together; no shape depends on it (default: auto, as memory allows)",
    )  # fmt: skip
    sample.add_argument(
        "--top-k", type=commands.positive, help="draw from the likeliest (default: 250, or all if fewer)"
    )
    sample.add_argument("--top-p", type=float, help="draw from the likeliest that sum to this (default: off)")
    sample.add_argument("--temperature", type=float, default=1.0, help="divides the logits (default: 1)")
    sample.add_argument("--greedy", action="store_true", help="the likeliest token at each step")
    sample.add_argument(
        "--scramble", type=Path, metavar="FOLDER",
        help="no transformer: each token is drawn from those at its position in a folder of shapes (a floor)",
    )  # fmt: skip
    commands.add_data(sample)
    engine.add_arguments(sample, commands.HERE)


def run(arguments: argparse.Namespace) -> None:
    """Generate shapes; finished ones of an interrupted run are kept."""
    by = engine.elsewhere(arguments)
    generator = commands.open_generator(arguments, by)
    top_k = arguments.top_k or min(250, generator.argus.config.transformer.vocabulary)
    config = SamplingConfig(
        top_k, arguments.top_p, arguments.temperature, arguments.greedy,
        resolution=arguments.resolution, threshold=arguments.threshold,
    )  # fmt: skip
    wanted = _requests(arguments, generator)
    generator.check(config, wanted)
    facts = commands.checkpoint_facts(arguments.checkpoint)
    settings = asdict(config) | commands.common_settings(arguments, facts)
    if arguments.scramble:
        settings["scramble"] = sha256_file(arguments.scramble / "manifest.json")
    folder = SampleFolder(arguments.out, settings, arguments.format)
    open_requests = [request for request in wanted if request.id not in folder]
    sampling = Sampling(arguments.seed, config, arguments.batch_size, arguments.scramble)
    with commands.Bar("sample", len(open_requests)) as bar:
        if by is None:
            commands.write_shapes(folder, _here(generator, sampling, open_requests, arguments, bar), bar)
        else:
            start = SampleBatches(commands.loading_of(arguments), sampling, arguments.format)
            batches = sampling.batches(open_requests, arguments.device)
            commands.write_shapes(folder, _elsewhere(by, start, batches, bar), bar)
    commands.report(folder.finish([request.id for request in wanted], facts, commands.command()))


def _here(
    generator: ArgusGenerator,
    sampling: Sampling,
    wanted: list[Request],
    arguments: argparse.Namespace,
    bar: "commands.Bar",
) -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
    """Files of the requested shapes, made in this process."""
    if sampling.scramble:
        bar.tokens(len(wanted))
    for shape in sampling.shapes(generator, wanted, bar.tokens):
        yield sample_files(shape, arguments.format), {}


def _elsewhere(
    by: Engine, start: SampleBatches, batches: list[Sequence[Request]], bar: "commands.Bar"
) -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
    """Files of the requested shapes, made by the engine's workers."""
    for made in by.map(start, batches, gpus=start.loading.gpus):
        bar.tokens(len(made))
        yield from ((files, {}) for files in made)


def _requests(arguments: argparse.Namespace, generator: ArgusGenerator) -> list[Request]:
    if arguments.like:
        counts = Counter(shape.category for shape in commands.prepared_shapes(arguments, arguments.like))
        return [request for category in sorted(counts) for request in requests(category, counts[category])]
    if arguments.category is None and len(generator.categories) > 1:
        raise UserError(
            f"{generator.name} is guided by class and knows no shape without one; add --category, "
            f"one of {', '.join(generator.categories)}."
        )
    return requests(arguments.category or generator.categories[0], arguments.count)
