"""`argus3d complete`."""

import argparse
from pathlib import Path

from argus3d import commands, engine
from argus3d.arguments import positive
from argus3d.batches import Sampling
from argus3d.complete import CUTS
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator
from argus3d.making import make
from argus3d.wanted import Wanted, by_part, like_parts


def add_parser(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `complete`."""
    complete = parsers.add_parser(
        "complete", help="generate whole shapes from a part",
        description="Generate whole shapes that have a given part, a cloud (.ply .npy .npz) or a mesh. It has to stand "
        "where it has its place in the whole shape, whose longest side is 1, with the middle of its box at 0, y up: "
        "nothing in a part says how large the whole is. Completions come in the same place.",
    )  # fmt: skip
    complete.set_defaults(run=run)
    complete.add_argument("part", type=Path, nargs="?", metavar="PART", help="a cloud or a mesh")
    commands.add_generator(complete)
    commands.add_words(complete)
    complete.add_argument("--count", type=positive, help="completions of PART (default: 10)")
    complete.add_argument("--like", metavar="FILE/PART", help="parts of the shapes in this part of a split file")
    complete.add_argument("--cut", choices=CUTS, help="--like: what is nearest to a random viewpoint, or bottom halves")
    complete.add_argument("--each", type=positive, metavar="K", help="--like: for each part (default: 10)")
    commands.add_draw(complete)
    commands.add_data(complete)
    engine.add_arguments(complete, commands.HERE)


def run(arguments: argparse.Namespace) -> None:
    """Generate completions; finished ones of an interrupted run are kept."""
    by = engine.elsewhere(arguments)
    generator = commands.open_generator(arguments, by)
    config = commands.sampling_config(arguments, generator)
    sampling = Sampling(arguments.seed, config, arguments.batch_size)
    make(arguments, generator, by, sampling, _wanted(arguments, generator))


def _wanted(arguments: argparse.Namespace, generator: ArgusGenerator) -> Wanted:
    generator.argus.config.transformer.condition("part")
    points = generator.argus.config.autoencoder.points
    words = arguments.category, arguments.text, arguments.image
    if arguments.part is None and arguments.like is None:
        raise UserError("there is nothing to complete; give the file of a part, or --like FILE/PART.")
    if arguments.part is not None:
        if arguments.like or arguments.cut or arguments.each:
            raise UserError(f"{arguments.part} is completed by itself; leave out --like, --cut and --each.")
        return by_part(arguments.part, *words, arguments.count or 10, points, arguments.seed)
    if any(said is not None for said in (*words, arguments.count)):
        raise UserError("--like completes parts alone; leave out --category, --text, --image and --count.")
    if arguments.cut is None:
        raise UserError(
            f"--like {arguments.like} says of which shapes; say what is left of them: --cut {'|'.join(CUTS)}."
        )
    shapes, name = commands.prepared_shapes(arguments, arguments.like), commands.split_name(arguments.like)
    return like_parts(shapes, arguments.cut, arguments.each or 10, points, arguments.seed, name)
