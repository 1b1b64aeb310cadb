"""`argus3d reconstruct`."""

import argparse
from collections.abc import Iterator
from typing import Any

from argus3d import commands, engine
from argus3d.batches import Reconstructions
from argus3d.generator import SamplingConfig
from argus3d.samples import SampleFiles, SampleFolder


def add_parser(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `reconstruct`."""
    back = parsers.add_parser("reconstruct", help="pass prepared shapes through the autoencoder")
    back.set_defaults(run=run)
    commands.add_generator(back)
    back.add_argument("--shapes", required=True, metavar="FILE/PART", help="a part of a split file")
    commands.add_data(back)
    engine.add_arguments(back, commands.HERE)


def run(arguments: argparse.Namespace) -> None:
    """Reconstruct prepared shapes, with the IoU of each in the manifest."""
    by = engine.elsewhere(arguments)
    generator = commands.open_generator(arguments, by)
    config = SamplingConfig(resolution=arguments.resolution, threshold=arguments.threshold)
    generator.surface(config)
    facts = commands.checkpoint_facts(arguments.checkpoint)
    settings = commands.common_settings(arguments, facts) | {"kind": "reconstruction"}
    folder = SampleFolder(arguments.out, settings, arguments.format)
    shapes = commands.prepared_shapes(arguments, arguments.shapes)
    todo = [shape for shape in shapes if shape.id not in folder]
    by_id = {shape.id: shape.record for shape in shapes}

    start = Reconstructions(commands.loading_of(arguments), arguments.seed, config, arguments.format)

    def results() -> Iterator[tuple[SampleFiles, dict[str, Any]]]:
        made = map(start.on(generator), todo) if by is None else by.map(start, todo, gpus=start.loading.gpus)
        for files, ious in made:
            record = by_id[files.record["id"]]
            bar.tokens(1)
            yield files, {key: record[key] for key in ("source", "solidity") if key in record} | ious

    with commands.Bar("reconstruct", len(todo)) as bar:
        commands.write_shapes(folder, results(), bar)
    commands.report(folder.finish([shape.id for shape in shapes], facts, commands.command()))
