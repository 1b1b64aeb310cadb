"""Smaller inputs that show the same finding."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.fuzzing.child import Bench, Limits
from benchmarks.fuzzing.reader import Reader

TRIALS = 400
_fork = multiprocessing.get_context("fork")


def smaller(reader: Reader, target: Path, limits: Limits, key: str, content: bytes) -> bytes:
    """The smallest input found by leaving pieces out; `content` itself where a child dies or takes long on the way."""
    if key.startswith(("hang", "death")):
        return content
    ours, theirs = _fork.Pipe(duplex=False)
    child = _fork.Process(target=_search, args=(reader, target, limits, key, content, theirs), daemon=True)
    child.start()
    theirs.close()
    best = content
    try:
        while ours.poll(60):
            best = ours.recv()
    except (EOFError, OSError):
        pass
    child.kill()
    child.join()
    return best


def _search(reader: Reader, target: Path, limits: Limits, key: str, content: bytes, answers: Connection) -> None:
    bench = Bench(reader, target, limits, set())
    size, trials = max(1, len(content) // 2), 0
    while trials < TRIALS:
        start = 0
        while start < len(content) and trials < TRIALS:
            shorter = content[:start] + content[start + size :]
            trials += 1
            if bench.read(shorter).key == key:
                content = shorter
                answers.send(content)
            else:
                start += size
        if size == 1:
            return
        size //= 2
