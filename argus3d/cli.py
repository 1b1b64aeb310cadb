"""The command line `argus3d`: results as JSON on stdout, people on stderr, exit codes 0, 1 (failure) and 2 (usage)."""

import argparse
import sys
from collections.abc import Sequence

from argus3d import bench_commands as bench
from argus3d import complete_command, reconstruct_command, sample_command
from argus3d.checkpoint import commands as checkpoints
from argus3d.data import commands as data
from argus3d.errors import UserError
from argus3d.train import commands as training


def parser() -> argparse.ArgumentParser:
    """The parser with all commands; each sets `run`, a function of the parsed arguments."""
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
    try:
        arguments = parser().parse_args(argv)
        arguments.run(arguments)
    except (UserError, OSError) as error:
        print(f"argus3d: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
