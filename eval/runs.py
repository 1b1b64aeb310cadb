"""What the commands that measure have in common: arguments, loading, writing."""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from eval.clouds import CloudSet, load_clouds
from eval.distances.backends import described
from eval.protocol import Protocol, get_protocol
from eval.results import Result, bare_name, run_record, write

SOURCE = "folder of samples, meshes or prepared data; .npy, .npz or .pt array; split part such as household-v1/test"


def add_arguments(parser: argparse.ArgumentParser, out_required: bool = True) -> None:
    """Add protocol, result, data and name."""
    add_protocol(parser)
    parser.add_argument("--out", type=Path, required=out_required, help="result JSON; the run record goes beside it")
    parser.add_argument("--name", help="name of the row (default: the file name of --out)")


def add_protocol(parser: argparse.ArgumentParser) -> None:
    """Add protocol and data."""
    parser.add_argument("--protocol", default="argus3d-v1", help="a preset or a JSON file (default: %(default)s)")
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path("artifacts/data"),
        help="of prepared data, for splits (default: %(default)s)",
    )


def add_device(parser: argparse.ArgumentParser, what: str) -> None:
    """Add device and backend of Chamfer distances."""
    parser.add_argument("--device", default="cpu", help=f"of {what}: cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--backend", choices=("numba", "triton", "pytorch3d"), help="default: by device")


def row_name(arguments: argparse.Namespace) -> str:
    """The name of the row."""
    return str(arguments.name or bare_name(arguments.out))


def load(
    source: str,
    arguments: argparse.Namespace,
    protocol: Protocol,
    points: int | None = None,
    normals: bool = False,
    only: Collection[str] | None = None,
) -> CloudSet:
    """Clouds of a source, as many points as the protocol says; how many came is said on stderr."""
    clouds = load_clouds(
        source, points or protocol.points, protocol.seed, arguments.data_root, normals=normals, only=only
    )
    print(f"{source}: {len(clouds.ids)} of {clouds.asked} shapes", file=sys.stderr)
    return clouds


def finish(
    result: Result, arguments: argparse.Namespace, start: float, typed: str, data: Mapping[str, str] | None = None
) -> int:
    """Write the result with more `data`, then show it.

    start : `time.monotonic()` when the command began
    typed : the command, for the run record
    """
    result = replace(result, data={**result.data, **(data or {})})
    computed = described(arguments.device, arguments.backend) if "device" in arguments else None
    write(result, run_record(time.monotonic() - start, typed, computed), arguments.out)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(json.dumps(result.to_json(), indent=1, sort_keys=True, allow_nan=False))
    return 0


def get(arguments: argparse.Namespace) -> Protocol:
    """The protocol that was asked for."""
    return get_protocol(arguments.protocol)


def command(name: str, argv: Sequence[str]) -> str:
    """What was typed, for records."""
    return shlex.join(["argus3d-eval", name, *argv])
