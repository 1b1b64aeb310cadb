"""`argus3d-eval rerun`: a result once more, from its own record, compared with what it was.

The command that made a result stands in the run record beside it, not in the result: where files lie, which engine
computed and what was kept change no number, and equal measurements shall be equal files. Where the record is lost, or
the shapes lie elsewhere by now, the command is typed again; the result knows its protocol and the hashes of its clouds,
so that other shapes do not go unnoticed.
"""

import argparse
import importlib
import io
import json
import math
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from argus3d.data.files import read_json_object, write_json
from argus3d.errors import UserError
from eval.results import Result, read, record_path, require_place, write

COMMANDS = {
    "score": "eval.score",
    "halves": "eval.halves",
    "reconstruction": "eval.reconstruction_command",
    "completion": "eval.completion_command",
    "guided": "eval.guided_command",
    "memorisation": "eval.memorisation",
}
# Where things go and who computes: no number depends on it, and nothing that is there may be written to, or asked for
# over a network, because a record says so. The commands take no beginnings of options, which would pass for others.
# Name and protocol are the result's own.
LEFT_OUT = ("--out", "--name", "--protocol", "--cache", "--samples", "--engine", "--address", "--workers")
OPTIONS = ("--data-root", "--tolerance", "--out")  # of rerun itself, each with a value
BEGINNINGS = ("--", "argus3d-eval")  # of a command that is typed
NUMBERS = ("metrics", "per_category")  # compared within the tolerance

Difference = tuple[str, Any, Any]  # of which field, what was, what is


def main(argv: Sequence[str]) -> int:
    """Measure again, compare, and say what differs; 0 where nothing does."""
    own, typed = _split(argv)
    arguments = _parser().parse_args(own)
    if arguments.out:
        _require_other(arguments.out, arguments.result)
    was = read_result(arguments.result)
    words = typed or recorded(arguments.result)
    if arguments.data_root is not None:
        words = [*without(words, ("--data-root",)), f"--data-root={arguments.data_root}"]
    print(f"repeats: {shlex.join(['argus3d-eval', *without(words, LEFT_OUT)])}", file=sys.stderr)
    now = repeated(words, was, arguments.out)
    found = differences(was.to_json(), now.to_json(), arguments.tolerance)
    for line in _said(found):
        print(line, file=sys.stderr)
    print(json.dumps(_report(was, found, arguments.tolerance), indent=1, sort_keys=True, allow_nan=False))
    return int(bool(found))


def _require_other(out: Path, result: Path) -> None:
    require_place(out)
    if record_path(out).resolve() == record_path(result).resolve():
        raise UserError(f"{out} is the result that is to be repeated, or has its record; give --out another name.")


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words for `rerun` itself, and the command that is typed behind them, without what all commands begin with.

    Results and the values of options may be named like commands.
    """
    start, named = 0, False
    while start < len(argv):
        word = argv[start]
        if word in BEGINNINGS or (named and word in COMMANDS):
            break
        valued = len(word) > len("--") and any(option.startswith(word) for option in OPTIONS)
        named = named or not word.startswith("-")
        start += 2 if valued else 1
    words = list(argv[start:])
    while words and words[0] in BEGINNINGS:
        words.pop(0)
    return list(argv[:start]), words


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="argus3d-eval rerun",
        usage="%(prog)s RESULT [--data-root ROOT] [--tolerance T] [--out OUT] [COMMAND ...]",
        description="Measure what a result measured once more, by the command in its run record, and compare. The "
        "result is left alone; generators are run again. Exit code 0 where nothing differs, 1 otherwise. Where there "
        "is no record, or files lie elsewhere by now, type the COMMAND: score MY_SAMPLES SPLIT/PART.",
    )
    parser.add_argument("result", type=Path, metavar="RESULT", help="result JSON of " + ", ".join(COMMANDS))
    parser.add_argument("--data-root", type=Path, help="of prepared data (default: as typed then)")
    parser.add_argument(
        "--tolerance", type=_share, default=0.0, metavar="T",
        help="how far numbers may be apart, as a share of the larger; hashes and counts may not (default: 0)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="also keep the new result, under this name")
    return parser


def _share(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(value := float(text)) and value >= 0:
            return value
    raise argparse.ArgumentTypeError(f"{text} is no share; give a number of 0 or more")


def read_result(path: Path) -> Result:
    """The result in a file. Raises : UserError for one that is not there or holds none"""
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; give a result that argus3d-eval wrote.")
    try:
        return read(path)
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path}: no result ({error}); give one that argus3d-eval wrote.") from error


def recorded(path: Path) -> list[str]:
    """The words behind `argus3d-eval` that made a result, by the record beside it.

    Raises : UserError where there is none or it says nothing that can be repeated; and for a generator of a user's own:
        no code is run because a file says so
    """
    record = record_path(path)
    again = f"type it: argus3d-eval rerun {shlex.quote(str(path))} score SAMPLES REFERENCE"
    if not record.is_file():
        raise UserError(f"{path}: {record.name}, which holds the command, is not beside it; {again}")
    try:
        words = shlex.split(read_json_object(record, again)["command"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{record}: no run record ({error}); {again}") from error
    if words[:1] != ["argus3d-eval"] or words[1:2] == []:
        raise UserError(f"{record}: {shlex.join(words) or 'nothing'} is no command of argus3d-eval; {again}")
    if any(word.startswith("--g") for word in words):
        raise UserError(f"{record}: its command runs code of its own, {shlex.join(words)}; if that is wanted, {again}")
    return words[1:]


def without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """The words but some options, each of which has a value."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in options:
            next(rest, None)
        elif not word.startswith(tuple(f"{option}=" for option in options)):
            kept.append(word)
    return kept


def repeated(words: Sequence[str], was: Result, out: Path | None) -> Result:
    """What a command measures now, by the name and the protocol of a result.

    out : where to keep it, with its record; None keeps nothing

    Raises : UserError for a command that measures nothing, or that fails
    """
    if words[0] not in COMMANDS:
        raise UserError(f"argus3d-eval {words[0]} measures nothing; rerun knows {', '.join(COMMANDS)}.")
    with tempfile.TemporaryDirectory() as place:
        protocol, target = Path(place) / "protocol.json", Path(place) / "again.json"
        write_json(protocol, was.protocol.to_json())
        own = [f"--name={was.name}", "--protocol", str(protocol), "--out", str(target)]
        if words[0] == "score" and any(word.startswith(("--ch", "--g")) for word in words):
            own += ["--samples", str(Path(place) / "samples")]  # made anew, and not where others are
        try:
            with redirect_stdout(io.StringIO()):
                importlib.import_module(COMMANDS[words[0]]).main([*without(words[1:], LEFT_OUT), *own])
        except SystemExit as error:  # argparse has said what is wrong
            raise UserError(f"argus3d-eval {shlex.join(words)} is no command that can be repeated.") from error
        except (UserError, ValueError, OSError) as error:
            raise UserError(
                f"{error}\nThe command is repeated here, and its paths are those of then; go where it was typed, or "
                "type it behind the result with the paths of today."
            ) from error
        now = read(target)
        if out is not None:
            # What was run names places that are gone by then; this is the command that gives the same.
            said = read_json_object(record_path(target)) | {"command": shlex.join(["argus3d-eval", *words])}
            write(now, said, out)
        return now


def differences(was: Mapping[str, Any], now: Mapping[str, Any], tolerance: float = 0.0) -> list[Difference]:
    """Fields of results (as `Result.to_json`) that differ: hashes and counts first, None where a field is missing.

    tolerance : of numbers in `NUMBERS`, as a share of the larger of both
    """
    old, new = dict(_leaves(was)), dict(_leaves(now))
    keys = sorted({*old, *new}, key=lambda key: (key.split("/")[0] in NUMBERS, key))
    return [
        (key, old.get(key), new.get(key))
        for key in keys
        if not (key in old and key in new and _alike(key, old[key], new[key], tolerance))
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Names such as metrics/mmd_cd/value, and what they stand for; lists are taken whole."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, entry in value.items():
        yield from _leaves(entry, f"{path}/{key}" if path else str(key))


def _alike(key: str, was: Any, now: Any, tolerance: float) -> bool:
    numbers = isinstance(was, int | float) and isinstance(now, int | float)
    if numbers and key.split("/")[0] in NUMBERS:
        return abs(was - now) <= tolerance * max(abs(was), abs(now))
    # As JSON: a tuple is a list there.
    return bool(json.dumps(was) == json.dumps(now))


def _said(found: Sequence[Difference]) -> list[str]:
    keys = {key for key, _, _ in found}
    lines = [f"the {role} shapes are others" for role in ("generated", "reference") if f"data/{role}" in keys]
    if "data/checkpoint" in keys:
        lines.append("the checkpoint is another")
    return [*lines, f"{len(found)} fields differ" if found else "nothing differs"]


def _report(was: Result, found: Sequence[Difference], tolerance: float) -> dict[str, Any]:
    """What was compared, by the parts of a result, and what differs."""
    changed = {key.split("/")[0] for key, _, _ in found}
    return {
        "name": was.name,
        "tolerance": tolerance,
        "equal": sorted(key for key in was.to_json() if key not in changed),
        "differing": [{"field": key, "was": old, "is": new} for key, old, new in found],
    }
