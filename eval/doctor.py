"""What is wrong: with this installation, or between a number that somebody printed and two sets."""

import argparse
import importlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus3d.errors import UserError

if TYPE_CHECKING:  # imported where it is used: the doctor must run where a library is broken
    from eval.conventions import Finding, Printed

SHOWN = 10  # findings in the answer


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval doctor`: check this installation or, given two sets and numbers, say what conventions give them."""
    parser = argparse.ArgumentParser(
        prog="argus3d-eval doctor",
        description="Check this installation; or, given two sets and numbers, say what conventions give the numbers.",
    )
    source = "folder of samples, meshes or prepared data; .npy, .npz or .pt array; split part such as household-v1/test"
    parser.add_argument("generated", nargs="?", help=source)
    parser.add_argument("reference", nargs="?", help=source)
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="KEY=NUMBER",
        help="a number in hand as printed, such as mmd_cd=0.0099 or one_nna_emd=61.5; give all there are",
    )
    parser.add_argument("--points", type=int, default=2048, help="points a cloud (default: %(default)s)")
    parser.add_argument("--data-root", type=Path, help="folder of prepared data, for splits")
    arguments = parser.parse_intermixed_args(argv)
    if arguments.generated is None:
        if arguments.value:
            parser.error("--value needs the two sets that it was measured on: GENERATED REFERENCE")
        return _installation()
    if arguments.reference is None or not arguments.value:
        parser.error("give no set to check this installation, or both sets and a number: GENERATED REFERENCE --value")
    return _conventions(arguments)


def _conventions(arguments: argparse.Namespace) -> int:
    from eval.clouds import load_clouds
    from eval.conventions import find_conventions, undecided

    printed = _read_values(arguments.value)
    if arguments.points < 1:
        raise UserError(f"--points must be 1 or more, got {arguments.points}")
    sets = []
    for source in (arguments.generated, arguments.reference):
        sets.append(load_clouds(source, arguments.points, 0, arguments.data_root))
        print(f"{source}: {len(sets[-1].ids)} of {sets[-1].asked} shapes", file=sys.stderr)
    findings = find_conventions(sets[0].clouds, sets[1].clouds, printed, lambda line: print(line, file=sys.stderr))
    agreeing = [finding for finding in findings if finding.agrees]
    open_ = undecided(findings)
    _print_words(findings, len(agreeing), open_)
    _print_json(
        {
            "values": {key: number.value for key, number in printed.items()},
            "points": arguments.points,
            "tried": len(findings),
            "agreeing": len(agreeing),
            "not_told_apart": open_,
            "best": [finding.to_json() for finding in findings[:SHOWN]],
        }
    )
    return 0


def _read_values(texts: Sequence[str]) -> "dict[str, Printed]":
    from eval.conventions import KEYS, Printed

    printed: dict[str, Printed] = {}
    for text in texts:
        key, equals, number = text.partition("=")
        if not equals or key not in KEYS:
            raise UserError(f"--value {text}: expected KEY=NUMBER with a key of {', '.join(KEYS)}")
        if key in printed:
            raise UserError(f"--value {text}: {key} is given twice; run the doctor once for each number")
        try:
            printed[key] = Printed.read(number)
        except ValueError as error:
            raise UserError(f"--value {text}: {error}; write it as printed, such as {key}=0.0099") from error
    return printed


def _print_words(findings: "Sequence[Finding]", agreeing: int, open_: dict[str, list[Any]]) -> None:
    tried = f"of {len(findings)} combinations of conventions"
    some, none = f"{agreeing} {tried} agree to the digits given; the most usual:", f"none {tried} agrees; the nearest:"
    print(some if agreeing else none, file=sys.stderr)
    for line in _described(findings[0]):
        print(f"  {line}", file=sys.stderr)
    for field, options in open_.items():
        names = ", ".join(str(option) for option in options)
        print(f"these numbers do not tell apart, {field}: {names}", file=sys.stderr)


def _described(finding: "Finding") -> list[str]:
    chosen = finding.convention
    choices = [
        "sets swapped" if chosen.swapped else "sets as given",
        f"generated axes {chosen.axes}",
        f"normalization {chosen.normalization}",
        *([f"CD {chosen.chamfer}"] if chosen.chamfer else []),
        *([f"EMD {chosen.emd}"] if chosen.emd else []),
    ]
    if chosen.protocols:
        choices.append(f"as in protocol {', '.join(chosen.protocols)}")
    values = [
        f"{key}: {match.measured:.6g}{f' x {match.scale:g}' if match.scale != 1 else ''}, {match.difference:.2%} off"
        for key, match in finding.matches.items()
    ]
    return ["; ".join(choices), *values]


def _installation() -> int:
    checks = [_check(name, check) for name, check in CHECKS.items()]
    for check in checks:
        print(f"{'ok    ' if check['ok'] else 'BROKEN'} {check['name']}: {check['detail']}", file=sys.stderr)
    _print_json({"checks": checks})
    return 0 if all(check["ok"] for check in checks) else 1


def _check(name: str, check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "detail": check()}
    except Exception as error:  # a broken installation can raise anything, and the doctor's task is to say what
        return {"name": name, "ok": False, "detail": str(error) or type(error).__name__}


def _libraries() -> str:
    found = []
    for name in ("numpy", "scipy", "numba", "trimesh"):
        importlib.import_module(name)
        found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def _threads() -> str:
    import numba

    return f"{numba.get_num_threads()} for Chamfer distances (NUMBA_NUM_THREADS sets it)"


def _kernels() -> str:
    import numpy as np

    from eval.distances.chamfer import chamfer

    a, b = np.zeros((3, 3), np.float32), np.full((2, 3), 2, np.float32)
    if chamfer(a, b) != 24.0:
        raise UserError(f"the Chamfer kernel gives {chamfer(a, b)} where 24 is right; reinstall numba")
    return "compiled, and right on an example"


def _marching_cubes() -> str:
    installed = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions() if dist.metadata["Name"]}
    if "mcubes" in installed:
        raise UserError(
            "the package 'mcubes' is installed, a namesake that overwrites PyMCubes: "
            "pip uninstall mcubes PyMCubes, then pip install PyMCubes"
        )
    if "pymcubes" not in installed:
        raise UserError("PyMCubes is missing, meshes cannot be made: pip install PyMCubes")
    return f"PyMCubes {importlib.metadata.version('PyMCubes')}"


CHECKS: dict[str, Callable[[], str]] = {
    "libraries": _libraries,
    "threads": _threads,
    "kernels": _kernels,
    "marching cubes": _marching_cubes,
}


def _print_json(content: dict[str, Any]) -> None:
    print(json.dumps(content, indent=1, sort_keys=True, allow_nan=False))
