"""`argus3d-eval score`: from a generator, or samples that are there, to a result, in one command."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from argus3d import engine
from eval import runs
from eval.clouds import CloudSet, draw
from eval.evaluate import evaluate_sets
from eval.generators import add_arguments, find_model, sample_like
from eval.light_fields import light_field_metrics, load_light_fields, require_meshes
from eval.overlap import about_samples
from eval.progress import Told
from eval.protocol import Protocol
from eval.results import Result, bare_name, require_place
from eval.selection import Selection, select
from eval.splits import is_split_part


@dataclass(frozen=True)
class Side:
    """A set by the name of its source, and which of its shapes are measured; None for all of an array."""

    source: str
    selection: Selection | None


def main(argv: Sequence[str]) -> int:
    """Measure a generated set against a reference set."""
    start = time.monotonic()
    arguments, sources = parsed(argv)
    require_place(arguments.out, *sources)
    command = runs.command("score", argv)
    protocol = runs.get(arguments)
    for source in sources if arguments.light_fields else ():
        require_meshes(source)
    model = find_model(arguments)
    reference = _reference(sources[-1], arguments, protocol)
    if model is not None:
        folder = _samples_folder(arguments)
        sample_like(
            model, reference.selection, arguments.count, protocol.seed, folder, command, engine.elsewhere(arguments)
        )
    generated = _made(arguments, sources, protocol)
    made, real = (_clouds(side, arguments, protocol) for side in (generated, reference))
    by = arguments.cache, arguments.device, arguments.backend, engine.elsewhere(arguments)
    result = evaluate_sets(made, real, protocol, runs.row_name(arguments), *by, progress=Told())
    left_out = [*_left_out("generated", generated), *_left_out("reference", reference)]
    result = replace(result, notes=(*result.notes, *left_out))
    if arguments.light_fields:
        result = _with_light_fields(result, (generated, made), (reference, real), arguments.cache)
    data = about_samples(generated.source, made.categories, reference.selection, arguments.data_root)
    return runs.finish(result, arguments, start, command, data)


def parsed(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and the sources that are not made here: generated, where it is there, and reference."""
    parser = argparse.ArgumentParser(
        prog="argus3d-eval score",
        usage="%(prog)s (GENERATED | --checkpoint C | --generator G) (REFERENCE | --split S) [options]",
        description="Measure generated shapes against reference shapes; with --checkpoint or --generator sample first.",
        allow_abbrev=False,
    )
    parser.add_argument("sources", nargs="*", metavar="GENERATED REFERENCE", help=f"each a {runs.SOURCE}")
    add_arguments(parser)
    parser.add_argument("--split", metavar="NAME/PART", help="the reference: a part of a split")
    parser.add_argument("--category", metavar="A,B", help="only shapes of these classes")
    parser.add_argument("--count", type=int, help="so many shapes of each set, drawn by hash of their ids")
    parser.add_argument(
        "--cache", type=Path,
        help="folder that keeps the reference's own distances between runs, and those of an --engine's unfinished run",
    )  # fmt: skip
    parser.add_argument(
        "--light-fields", action="store_true", help="also measure by lfd_like; both sources must be folders of meshes"
    )
    runs.add_device(parser, "sampling and Chamfer distances")
    runs.add_arguments(parser, out_required=False)
    engine.add_arguments(parser, "this one, distances on all its cores")
    arguments = parser.parse_intermixed_args(argv)
    given = [*arguments.sources, *([arguments.split] if arguments.split else [])]
    made = arguments.checkpoint is not None or arguments.generator is not None
    if len(given) != (1 if made else 2):
        asked = (
            "REFERENCE or --split" if made else "GENERATED (or --checkpoint, --generator) and REFERENCE (or --split)"
        )
        parser.error(f"{asked} must be named, and nothing else; got {' '.join(given) or 'none'}")
    if arguments.split and "/" not in arguments.split:
        parser.error(f"--split {arguments.split} names no part: give it as NAME/PART")
    if arguments.out is None:
        words = [arguments.checkpoint or arguments.generator or given[0], given[-1]]
        arguments.out = Path("-on-".join(_word(word) for word in words) + ".json")
    return arguments, given


def _word(source: str) -> str:
    """A source as part of a file name."""
    is_path = Path(source).exists() and not is_split_part(source)
    kept = Path(source).name if is_path else source
    return "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in kept).strip("-") or "set"


def measured_sets(argv: Sequence[str]) -> tuple[argparse.Namespace, tuple[str, CloudSet], tuple[str, CloudSet]]:
    """What a command measured, read again: its arguments, and source and clouds of both sets; nothing is sampled.

    Raises : UserError for a set that is not there any more
    """
    arguments, sources = parsed(argv)
    protocol = runs.get(arguments)
    sides = _made(arguments, sources, protocol), _reference(sources[-1], arguments, protocol)
    made, real = ((side.source, _clouds(side, arguments, protocol)) for side in sides)
    return arguments, made, real


def _made(arguments: argparse.Namespace, sources: Sequence[str], protocol: Protocol) -> Side:
    """Samples that are there, of whatever was asked for or of a generator that was run."""
    if len(sources) == 1:
        return Side(str(_samples_folder(arguments)), None)
    return _generated(sources[0], arguments, protocol)


def _samples_folder(arguments: argparse.Namespace) -> Path:
    folder: Path = arguments.samples or arguments.out.with_name(f"{bare_name(arguments.out)}-samples")
    return folder


def _reference(source: str, arguments: argparse.Namespace, protocol: Protocol) -> Side:
    return Side(source, select(source, arguments.data_root, _categories(arguments), arguments.count, protocol.seed))


def _generated(source: str, arguments: argparse.Namespace, protocol: Protocol) -> Side:
    """Samples that are there; those that name no class are all taken, whichever classes are asked for."""
    categories = _categories(arguments)
    whole = select(source, arguments.data_root)
    if categories and (whole is None or set(whole.classes) == {""}):
        print(f"{source} names no class: all of it is taken to be of {', '.join(categories)}", file=sys.stderr)
        categories = ()
    return Side(source, select(source, arguments.data_root, categories, arguments.count, protocol.seed))


def _categories(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, (arguments.category or "").split(","))))


def _clouds(side: Side, arguments: argparse.Namespace, protocol: Protocol) -> CloudSet:
    only = None if side.selection is None else frozenset(side.selection.ids)
    clouds = runs.load(side.source, arguments, protocol, only=only)
    if side.selection is None and arguments.count is not None:
        return draw(clouds, arguments.count, protocol.seed)
    return clouds


def _left_out(role: str, side: Side) -> list[str]:
    if side.selection is None or not side.selection.left_out:
        return []
    return [f"{side.selection.left_out} {role} shapes whose class is not known were left out"]


def _with_light_fields(
    result: Result, generated: tuple[Side, CloudSet], reference: tuple[Side, CloudSet], cache: Path | None
) -> Result:
    """The result with metrics by `lfd_like` of the same shapes."""
    kept = cache and cache / "light_fields.npz"
    made, real = (load_light_fields(side.source, kept, only=clouds.ids) for side, clouds in (generated, reference))
    metrics, notes = light_field_metrics(made, real, result.protocol)
    return replace(result, metrics={**result.metrics, **metrics}, notes=(*result.notes, *notes))
