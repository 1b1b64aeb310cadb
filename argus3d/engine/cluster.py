"""Workers on a Ray cluster: actors, each on its share of a node."""

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from argus3d.engine.schedule import Apply, Schedule
from argus3d.engine.worker import Answer, Worker, thread_settings
from argus3d.errors import UserError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Cluster:
    """The engine of a Ray cluster; `workers` None is one a CPU, or as many as the GPUs suffice for."""

    address: str | None
    workers: int | None

    def map(self, start: Callable[[], Callable[[T], R]], items: Sequence[T], *, gpus: float = 0) -> Iterator[R]:
        """See `Engine.map`."""
        if not items:
            return
        with self.session(start, gpus=gpus) as apply:
            yield from apply(items)

    @contextmanager
    def session(self, start: Callable[[], Callable[[T], R]], *, gpus: float = 0) -> Iterator[Apply[T, R]]:
        """See `Engine.session`."""
        ours = _connect(self.address)
        import ray

        try:
            share = Share.of_nodes([node["Resources"] for node in ray.nodes() if node["Alive"]], gpus)
            crew = _Crew(ray.put(ray.cloudpickle.dumps(start)), share)
            try:
                yield Schedule(crew, self.workers or share.workers).results
            finally:
                crew.dismiss()
        finally:
            if ours:
                ray.shutdown()


def _connect(address: str | None) -> bool:
    """Join the cluster. Returns whether this process was part of none before. Raises: UserError if there is none."""
    try:
        import ray
    except ImportError as error:
        raise UserError('--engine ray needs Ray; install it by `pip install "argus3d[cluster]"`.') from error
    if ray.is_initialized():
        own = ray.get_runtime_context().gcs_address
        if address not in (None, own):
            raise UserError(f"this process is part of the Ray cluster at {own} already, not of that at {address}.")
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _knock(address)
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"no Ray cluster answers at {address} ({error}); start one by `ray start --head`.") from error
    return True


def _knock(address: str | None) -> None:
    """Raises: OSError where nobody listens; Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


@dataclass(frozen=True)
class Share:
    """What each actor holds of its node, and how many actors there is room for."""

    workers: int
    cpus: int
    gpus: float

    @classmethod
    def of_nodes(cls, nodes: Sequence[dict[str, float]], gpus: float) -> "Share":
        """One CPU each; with GPUs an equal part of the CPUs of its node. Raises: UserError if there is room for none.

        nodes : resources of each, "CPU" and "GPU"
        """
        if not gpus:
            return cls(_demand(sum(int(node.get("CPU", 0)) for node in nodes), "CPU"), 1, 0)
        # No more actors on a node than CPUs: each needs one.
        room = [(int(min(node.get("GPU", 0) / gpus, node.get("CPU", 0))), int(node.get("CPU", 0))) for node in nodes]
        workers = _demand(sum(count for count, _ in room), "GPU")
        return cls(workers, min(cpus // count for count, cpus in room if count), gpus)


def _demand(workers: int, kind: str) -> int:
    if workers < 1:
        raise UserError(f"the Ray cluster has no {kind} to give; start its nodes with some (`ray start --help`).")
    return workers


class _Crew:
    """See `schedule.Crew`. What is asked of an actor lives in the references of its answers."""

    def __init__(self, start: Any, share: Share) -> None:
        import ray

        settings = {"env_vars": thread_settings(share.cpus)}
        self._ray, self._start = ray, start
        self._actor = ray.remote(Worker).options(num_cpus=share.cpus, num_gpus=share.gpus, runtime_env=settings)
        self._members: dict[int, Any] = {}
        self._asked: dict[int, deque[Any]] = {}
        self._hired = 0

    def hire(self) -> int:
        self._hired += 1
        actor: Any = self._actor.remote()
        self._members[self._hired] = actor
        self._asked[self._hired] = deque([actor.begin.remote(self._start)])
        return self._hired

    def give(self, worker: int, items: Sequence[Any]) -> None:
        # Bytes, because arrays that Ray unpacks cannot be written to, for which numba would compile anew.
        chunk = self._ray.cloudpickle.dumps(items)
        self._asked[worker].append(self._members[worker].apply.remote(chunk))

    def end(self, worker: int) -> None:
        self._ray.kill(self._members[worker])

    def wait(self, seconds: float) -> list[tuple[int, Answer | str]]:
        # An actor answers in order, so that only its oldest answer can be the next.
        numbers = {asked[0]: worker for worker, asked in self._asked.items() if asked}
        oldest = list(numbers)
        if self._ray.wait(oldest, timeout=seconds)[0]:
            oldest = self._ray.wait(oldest, num_returns=len(oldest), timeout=0)[0]
            return [(numbers[reference], self._hear(numbers[reference])) for reference in oldest]
        return []

    def _hear(self, worker: int) -> Answer | str:
        try:
            answer: Answer = self._ray.get(self._asked[worker].popleft())
            return answer
        except self._ray.exceptions.RayTaskError:
            raise  # our own side of the actor, not the work given to it
        except self._ray.exceptions.RayError as error:
            # The actor, its node or the answer on it is lost; what may be left of it must not hold its share.
            self._ray.kill(self._members.pop(worker))
            del self._asked[worker]
            return (str(error).strip().splitlines() or [type(error).__name__])[0]

    def dismiss(self) -> None:
        """End all actors."""
        for actor in self._members.values():
            self._ray.kill(actor)
        self._members, self._asked = {}, {}
