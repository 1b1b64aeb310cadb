"""`argus3d sample`."""

import argparse
from pathlib import Path

from argus3d import commands, engine
from argus3d.arguments import positive
from argus3d.batches import Sampling
from argus3d.errors import UserError
from argus3d.generator import ArgusGenerator
from argus3d.making import make
from argus3d.wanted import BY, Wanted, by_words, like_classes, like_shapes


def add_parser(parsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `sample`."""
    sample = parsers.add_parser(
        "sample", help="generate shapes into a folder",
        description="Generate shapes into a folder: of a class, by a text, by a picture, or several of these; by none "
        "of them any shape, where the checkpoint knows how to go without.",
    )  # fmt: skip
    sample.set_defaults(run=run)
    commands.add_generator(sample)
    commands.add_words(sample)
    sample.add_argument("--count", type=positive, default=16, help="shapes (default: 16)")
    sample.add_argument(
        "--like", metavar="FILE/PART", help="as many of each class as this part of a split file holds; see --by"
    )
    sample.add_argument(
        "--by", choices=BY, help="--like: shapes for each of its own, by its caption, its first view, its class"
    )
    sample.add_argument("--each", type=positive, metavar="K", help="--by: shapes for each (default: 1)")
    commands.add_draw(sample)
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
    config = commands.sampling_config(arguments, generator)
    sampling = Sampling(arguments.seed, config, arguments.batch_size, arguments.scramble)
    make(arguments, generator, by, sampling, _wanted(arguments, generator))


def _wanted(arguments: argparse.Namespace, generator: ArgusGenerator) -> Wanted:
    category, text, image = arguments.category, arguments.text, arguments.image
    if arguments.like:
        if any(said is not None for said in (category, text, image)):
            raise UserError("--like takes what it asks for from its shapes; leave out --category, --text and --image.")
        return _like(arguments)
    if arguments.by or arguments.each:
        raise UserError("--by and --each say what to make for the shapes of --like; add it, or use --count.")
    if category is None and not generator.argus.config.transformer.droppable:
        if len(generator.categories) > 1:
            raise UserError(
                f"{generator.name} is guided by class and knows no shape without one; add --category, "
                f"one of {', '.join(generator.categories)}."
            )
        category = generator.categories[0]
    return by_words(category, text, image, arguments.count)


def _like(arguments: argparse.Namespace) -> Wanted:
    shapes = commands.prepared_shapes(arguments, arguments.like)
    if arguments.by is None:
        if arguments.each:
            raise UserError(f"--each counts shapes for each of {arguments.like}; say by what: --by {'|'.join(BY)}.")
        return like_classes(shapes)
    return like_shapes(shapes, arguments.by, arguments.each or 1, commands.split_name(arguments.like))
