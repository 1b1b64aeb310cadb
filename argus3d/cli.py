"""The command line `argus3d`: results as JSON on stdout, people on stderr.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (Ctrl-C).
"""

import argparse
import sys
from collections.abc import Sequence

from argus3d import exits


def parser() -> argparse.ArgumentParser:
    """The parser with all commands; each sets `run`, a function of the parsed arguments."""
    # Imported here, as it takes seconds in which Ctrl-C is to be heard.
    from argus3d import bench_commands as bench
    from argus3d import complete_command, reconstruct_command, sample_command
    from argus3d.checkpoint import commands as checkpoints
    from argus3d.data import commands as data
    from argus3d.train import commands as training

    top = argparse.ArgumentParser(prog="argus3d", description="Generate 3D shapes with Argus-3D, and train it.")
    commands = top.add_subparsers(dest="command", required=True)
    data.add_parser(commands)
    training.add_parser(commands)
    sample_command.add_parser(commands)
    complete_command.add_parser(commands)
    reconstruct_command.add_parser(commands)
    checkpoints.add_parsers(commands)
    bench.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""

    def work() -> None:
        arguments = parser().parse_args(argv)
        arguments.run(arguments)

    return exits.run("argus3d", work)


if __name__ == "__main__":
    sys.exit(main())
