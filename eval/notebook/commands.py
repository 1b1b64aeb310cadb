"""Command lines in a notebook, run in its own process."""

import contextlib
import io
import json
import shlex
import sys
from collections.abc import Callable
from typing import Any

Main = Callable[[list[str]], int | None]


def run(program: Main, line: str) -> Any:
    """What a command prints, read as JSON where it is JSON; what it says on the way is shown.

    program : `argus3d.cli.main` or `eval.cli.main`
    line : what would be typed after the program's name
    Raises : RuntimeError, with what the command says, if it fails
    """
    printed, said = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            code = program(shlex.split(line))
    except SystemExit as stop:  # of wrong usage, or of --help
        code = stop.code if isinstance(stop.code, int) else 1
    words = _as_in_the_end(said.getvalue())
    if code:
        raise RuntimeError(f"{line}: {words.strip()}")
    print(words, file=sys.stderr, end="")
    try:
        return json.loads(printed.getvalue())
    except json.JSONDecodeError:
        return printed.getvalue()


def _as_in_the_end(text: str) -> str:
    """Lines as a terminal shows them in the end, where progress was written over itself."""
    return "".join(line.rstrip("\r").rsplit("\r", 1)[-1] + "\n" for line in text.split("\n") if line)
