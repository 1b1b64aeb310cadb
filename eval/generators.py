"""Samples of a generator that are measured against a reference: how many of each class, and in which folder."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus3d.engine import Engine
from argus3d.errors import UserError
from eval.selection import Selection, shares

# With it comes torch: seconds, and a third of the memory that measuring samples takes which are there already.
if TYPE_CHECKING:
    from argus3d.sampling import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what names a generator, in place of samples that are there."""
    made = parser.add_mutually_exclusive_group()
    made.add_argument(
        "--checkpoint", metavar="NAME|FOLDER|FILE.pt",
        help="sample this checkpoint: a shipped name, a folder, or a file of the original code (sizes by --config)",
    )  # fmt: skip
    made.add_argument(
        "--generator", metavar="MODULE:FACTORY",
        help="sample what package.module:factory makes, an argus3d.generator.Generator; modules here are found too",
    )  # fmt: skip
    parser.add_argument("--stage1", type=Path, metavar="FILE", help="of a .pt file: stage 1's own (default: within)")
    parser.add_argument(
        "--config", metavar="NAME|FILE.json", help="of a .pt file: its sizes and classes (default: huge)"
    )
    parser.add_argument("--samples", type=Path, metavar="FOLDER", help="for the samples (default: beside --out)")


def find_model(arguments: argparse.Namespace) -> "Model | None":
    """The generator that was named, None where samples are there already; nothing costly begins here."""
    if arguments.checkpoint is not None:
        from argus3d.sampling import CheckpointModel

        return CheckpointModel(arguments.checkpoint, arguments.device, arguments.stage1, arguments.config)
    if arguments.stage1 or arguments.config:
        raise UserError("--stage1 and --config say more of a --checkpoint FILE.pt; name it.")
    if arguments.generator is not None:
        from argus3d.sampling import FactoryModel

        return FactoryModel(arguments.generator)
    if arguments.samples:
        raise UserError("--samples is the folder to sample into; name a --checkpoint or a --generator.")
    return None


def sample_like(
    model: "Model",
    reference: Selection | None,
    count: int | None,
    seed: int,
    folder: Path,
    command: str,
    by: Engine | None,
) -> dict[str, Any]:
    """Samples in class shares like those of the reference, in `folder`; returns their manifest.

    reference : None for an array, whose shapes have no class: then the model must know a single one
    count : of samples; None for as many as the reference has
    by : what makes them, None for this process alone
    Raises : UserError where the model does not know a class, before anything costly
    """
    from argus3d.sampling import require_classes, sample_into

    if reference is None:
        if len(model.categories) != 1 or count is None:
            raise UserError(
                f"{model.name} cannot be asked for shapes like those of an array, which have no class; sample "
                "it first, or give a folder or a split."
            )
        classes = {model.categories[0]: count}
    else:
        require_classes(model, sorted(filter(None, reference.classes)))
        classes = shares(reference.classes, len(reference.ids))
    said = ", ".join(f"{category} {size}" for category, size in list(classes.items())[:12])
    more = f" and {len(classes) - 12} classes more" if len(classes) > 12 else ""
    print(f"{model.name}: {sum(classes.values())} samples: {said}{more}", file=sys.stderr)
    return sample_into(folder, model, classes, seed, command, by)
