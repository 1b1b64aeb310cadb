"""Command line of the measurement: `argus3d-eval COMMAND`, each a module of its own."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

from argus3d import exits

# Each module is imported when its command runs: the doctor must run where a library is broken.
COMMANDS = {
    "score": ("eval.score", "measure generated shapes, or a generator, against reference shapes"),
    "halves": ("eval.halves", "measure one half of a set against the other: what noise alone gives"),
    "completion": ("eval.completion_command", "measure completions of partial shapes"),
    "guided": ("eval.guided_command", "measure samples guided by classes, texts or pictures of shapes"),
    "reconstruction": ("eval.reconstruction_command", "measure shapes that came back against the shapes they were"),
    "nearest": ("eval.nearest", "the nearest training shape of each sample"),
    "memorisation": ("eval.memorisation", "how near samples are to the training set, beside itself"),
    "rerun": ("eval.rerun", "repeat a result from its own record, and compare"),
    "table": ("eval.table", "tables of results, or of what moves their numbers"),
    "figure": ("eval.figure", "a figure of results, or of the trees of ECD"),
    "page": ("eval.report.page", "results, pictures and shapes as one HTML page"),
    "curves": ("eval.report.curves", "learning curves"),
    "sheet": ("eval.report.sheets", "pictures of shapes"),
    "split": ("eval.split_recipes", "make a split file of the package again"),
    "doctor": ("eval.doctor", "is everything here, and by which conventions came a number"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command: JSON on stdout, words on stderr; 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C)."""
    words = list(sys.argv[1:] if argv is None else argv)

    def work() -> int | None:
        if not words or words[0] not in COMMANDS:
            _parser().parse_args(words)  # prints help, or says what is wrong, and leaves
        run: Callable[[list[str]], int | None] = importlib.import_module(COMMANDS[words[0]][0]).main
        return run(words[1:])

    return exits.run("argus3d-eval", work, (*exits.REFUSED, ValueError))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="argus3d-eval", description="Measure generated shapes against references.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
