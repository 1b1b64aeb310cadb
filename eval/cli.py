"""Command line of the measurement: score, halves, reconstruction, nearest, table, figure, curves, sheet, doctor."""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus3d.errors import UserError

if TYPE_CHECKING:  # imported where it is used: the doctor must run where a library is broken
    from eval.clouds import CloudSet
    from eval.protocol import Protocol
    from eval.results import Result

REPORTS = {
    "table": "eval.report.tables",
    "figure": "eval.report.figures",
    "sheet": "eval.report.sheets",
    "curves": "eval.report.curves",
    "nearest": "eval.nearest",
    "split": "eval.split_recipes",
    "doctor": "eval.doctor",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: JSON on stdout, words on stderr; 0 done, 1 failed, 2 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in REPORTS:
            report: Callable[[list[str]], int | None] = importlib.import_module(REPORTS[words[0]]).main
            return report(words[1:]) or 0
        arguments = _parser().parse_args(words)
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except (UserError, ValueError, OSError) as error:
        print(f"argus3d-eval: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="argus3d-eval", description="Measure generated shapes against references.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    source = "folder of samples, meshes or prepared data; .npy, .npz or .pt array; split part such as household-v1/test"
    cache = "folder that keeps the reference's own distances between runs"
    score = commands.add_parser("score", help="measure a generated set against a reference set")
    score.add_argument("generated", help=source)
    score.add_argument("reference", help=source)
    score.add_argument("--count", type=int, help="draw so many shapes from each set, by hash of their ids")
    score.add_argument("--cache", type=Path, help=cache)
    score.add_argument(
        "--light-fields", action="store_true", help="also measure by lfd_like; both sources must be folders of meshes"
    )
    score.set_defaults(run=_score)
    halves = commands.add_parser("halves", help="measure one half of a set against the other: what noise alone gives")
    halves.add_argument("reference", help=source)
    halves.set_defaults(run=_halves)
    paired = commands.add_parser("reconstruction", help="measure shapes that came back against the shapes they were")
    paired.add_argument("generated", help="folder of samples, ids as in the reference; IoUs are read from its manifest")
    paired.add_argument("reference", help=source)
    paired.set_defaults(run=_reconstruction)
    for command in (score, halves):
        command.add_argument("--device", default="cpu", help="of Chamfer distances: cpu, cuda or cuda:N (default: cpu)")
        command.add_argument("--backend", choices=("numba", "triton", "pytorch3d"), help="default: by device")
    for command in (score, halves, paired):
        command.add_argument("--protocol", default="argus3d-v1", help="a preset or a JSON file (default: %(default)s)")
        command.add_argument("--out", type=Path, required=True, help="result JSON; the run record goes beside it")
        command.add_argument("--data-root", type=Path, help="folder of prepared data, for splits")
        command.add_argument("--name", help="name of the row (default: the file name of --out)")
    for name, module in REPORTS.items():
        commands.add_parser(name, help=f"see argus3d-eval {name} --help ({module})", add_help=False)
    return parser


def _score(arguments: argparse.Namespace) -> int:
    from eval.clouds import draw
    from eval.evaluate import evaluate_sets

    start = time.monotonic()
    protocol = _protocol(arguments)
    generated, reference = (_load(source, arguments) for source in (arguments.generated, arguments.reference))
    if arguments.count is not None:
        generated, reference = (draw(clouds, arguments.count, protocol.seed) for clouds in (generated, reference))
    result = evaluate_sets(generated, reference, protocol, _name(arguments), arguments.cache, *_by(arguments))
    if arguments.light_fields:
        result = _with_light_fields(result, generated, reference, arguments)
    return _finish(result, arguments, start)


def _with_light_fields(
    result: "Result", generated: "CloudSet", reference: "CloudSet", arguments: argparse.Namespace
) -> "Result":
    """The result with metrics by `lfd_like` of the same shapes."""
    from eval.light_fields import light_field_metrics, load_light_fields

    cache = arguments.cache and arguments.cache / "light_fields.npz"
    sources = ((arguments.generated, generated), (arguments.reference, reference))
    made, real = (load_light_fields(source, cache, only=clouds.ids) for source, clouds in sources)
    metrics, notes = light_field_metrics(made, real, result.protocol)
    return replace(result, metrics={**result.metrics, **metrics}, notes=(*result.notes, *notes))


def _halves(arguments: argparse.Namespace) -> int:
    from eval.clouds import halves
    from eval.evaluate import evaluate_sets

    start = time.monotonic()
    protocol = _protocol(arguments)
    first, second = halves(_load(arguments.reference, arguments), protocol.seed)
    result = evaluate_sets(first, second, protocol, _name(arguments), None, *_by(arguments))
    return _finish(result, arguments, start)


def _reconstruction(arguments: argparse.Namespace) -> int:
    from eval.reconstruction import evaluate_reconstruction, read_groups, read_ious, reconstruction_points

    start = time.monotonic()
    protocol = _protocol(arguments)
    points = reconstruction_points(protocol)
    sources = (arguments.generated, arguments.reference)
    generated, reference = (_load(source, arguments, points, normals=True) for source in sources)
    manifest = Path(arguments.generated) / "manifest.json"
    result = evaluate_reconstruction(
        generated, reference, protocol, _name(arguments), read_ious(manifest), read_groups(manifest)
    )
    return _finish(result, arguments, start)


def _load(
    source: str, arguments: argparse.Namespace, points: int | None = None, normals: bool = False
) -> "CloudSet":
    from eval.clouds import load_clouds

    protocol = _protocol(arguments)
    clouds = load_clouds(source, points or protocol.points, protocol.seed, arguments.data_root, normals=normals)
    print(f"{source}: {len(clouds.ids)} of {clouds.asked} shapes", file=sys.stderr)
    return clouds


def _protocol(arguments: argparse.Namespace) -> "Protocol":
    from eval.protocol import get_protocol

    return get_protocol(arguments.protocol)


def _name(arguments: argparse.Namespace) -> str:
    return str(arguments.name or arguments.out.stem)


def _by(arguments: argparse.Namespace) -> tuple[str, str | None]:
    """Device and backend of Chamfer distances."""
    return arguments.device, arguments.backend


def _finish(result: "Result", arguments: argparse.Namespace, start: float) -> int:
    """Write the result, then show it."""
    from eval.distances.backends import described
    from eval.results import run_record, write
    from eval.sources import checkpoint_sha256

    sources = [arguments.generated] if "generated" in arguments else []
    for checkpoint in filter(None, (checkpoint_sha256(Path(source)) for source in sources)):
        result = replace(result, data={**result.data, "checkpoint": checkpoint})
    command = " ".join([arguments.command, *sources, arguments.reference, "--protocol", arguments.protocol])
    computed = described(*_by(arguments)) if "device" in arguments else None
    write(result, run_record(time.monotonic() - start, command, computed), arguments.out)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    _print_json(result.to_json())
    return 0


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=1, sort_keys=True, allow_nan=False))


if __name__ == "__main__":
    sys.exit(main())
