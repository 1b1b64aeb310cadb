"""One function over many items: on this machine's cores, or on a Ray cluster, with the same results.

Items are independent and may be done twice: what a worker that died had begun is done again by another. Whatever is
random in an item comes from its own stream, so that no result depends on the engine, the number of workers or the
order in which items were done.

A worker that shares its machine with others computes in one thread (OMP, BLAS, numba and torch alike): processes and
actors are started with the variables of `worker.thread_settings`, before any of these libraries is imported there. The
only worker of `local(1)` is this process itself, with the threads that it has.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from argus3d.engine.cluster import Cluster
from argus3d.engine.processes import Processes
from argus3d.engine.schedule import Apply
from argus3d.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

ENGINES = ("local", "ray")


class Engine(Protocol):
    """What computes one function of many items."""

    def map(self, start: Callable[[], Callable[[T], R]], items: Sequence[T], *, gpus: float = 0) -> Iterator[R]:
        """Results in the order of the items, as they come.

        start : called once in each worker; returns the function of one item. What all items share (a catalogue, a
            checkpoint, clouds) belongs to it and travels once a worker. Picklable, as are items and results
        items : few of them are on their way at any time
        gpus : that each worker of a cluster holds; workers on this machine see its devices as they are

        An exception of the function is raised in its item's turn, with a note that names the item. Workers that die
        are replaced; so are those that hang, an hour after their last answer. Raises: UserError for an item that killed
        three workers, or if workers die before they begin.
        """
        ...

    def session(self, start: Callable[[], Callable[[T], R]], *, gpus: float = 0) -> AbstractContextManager[Apply[T, R]]:
        """For many maps of one function, by workers that stay until the end of the `with` block; see `map`."""
        ...


def local(workers: int | None = None) -> Engine:
    """This machine: so many processes, None for one a core; a single worker is this process itself."""
    _check(workers)
    return Processes(workers)


def ray(address: str | None = None, workers: int | None = None) -> Engine:
    """A Ray cluster, on each node of which argus3d is installed.

    address : of its head, such as 10.0.0.1:6379; None for the cluster this process, or this machine, is part of, and
        where there is none, one of this machine alone that ends with the work
    workers : actors; None for as many as there are CPUs, or as GPUs suffice for
    """
    _check(workers)
    return Cluster(address, workers)


def _check(workers: int | None) -> None:
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers} do no work; say at least 1.")


def add_arguments(parser: argparse.ArgumentParser, default: str = "one a core") -> None:
    """Add --engine, --address and --workers; `default` says what local workers there are where nothing is said."""
    parser.add_argument("--engine", choices=ENGINES, default="local", help="this machine or a cluster (default: local)")
    parser.add_argument("--address", metavar="HOST:PORT", help="ray: the head of the cluster (default: the one near)")
    parser.add_argument(
        "--workers", type=int, help=f"processes (default: {default}), or actors of a cluster (one a CPU or GPU)"
    )


def from_arguments(arguments: argparse.Namespace) -> Engine:
    """The engine that the arguments of `add_arguments` ask for. Raises: UserError where they contradict each other."""
    if arguments.engine == "ray":
        return ray(arguments.address, arguments.workers)
    if arguments.address is not None:
        raise UserError("--address names a Ray cluster; add --engine ray.")
    return local(arguments.workers)


def elsewhere(arguments: argparse.Namespace) -> Engine | None:
    """As `from_arguments`, but None where this process does the work itself: unless asked for, it has no workers."""
    engine = from_arguments(arguments)
    return None if arguments.engine == "local" and arguments.workers in (None, 1) else engine
