"""Runs killed at random moments, again and again, until one is let end."""

import random
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults import whole
from benchmarks.faults.cases import Case
from benchmarks.faults.processes import Run, import_as, run

CHAIN = 6  # kills at most before a run is let end
LATEST = 1.5  # times what an undisturbed run takes, as those beside other work take longer

Report = dict[str, Any]


@dataclass
class Tally:
    """What came of the kills of one case.

    midway : kills that found files there
    lost : finished files that were made anew or are gone
    failed : what runs said that ended with another exit code than 0 though nobody killed them
    """

    kills: int = 0
    midway: int = 0
    half_written: int = 0
    ended_first: int = 0
    resumed: int = 0
    broken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All findings; none is asked for."""
        return [*self.broken, *self.lost, *self.different, *self.failed]

    def report(self) -> Report:
        """As JSON."""
        return dict(vars(self))


def undisturbed(case: Case, folder: Path) -> float:
    """Run a case to its end in a new folder; its seconds of computing. Raises: SystemExit where it fails by itself."""
    folder.mkdir()
    import_as(case.lines, folder)
    shutil.rmtree(folder)
    folder.mkdir()
    ended = run(case.lines, folder)
    if ended.code:
        raise SystemExit(f"{case.name} fails undisturbed: {ended.said}")
    return ended.seconds


def killed_often(case: Case, kills: int, seconds: float, proof: Path, folder: Path, seed: int) -> Tally:
    """Kill so many runs of a case, each at a moment of its own.

    seconds : of an undisturbed run, from which moments are drawn
    proof : the folder of that run
    folder : where trials happen, one at a time
    """
    tally, draws = Tally(), random.Random(f"{seed} {case.name}")
    while tally.kills < kills:
        folder.mkdir()
        for _ in range(min(draws.randint(1, CHAIN), kills - tally.kills)):
            if not _kill_once(case, draws.uniform(0, LATEST * seconds), folder, tally):
                break
        else:
            _end(case, folder, tally)
        tally.different += whole.differences(folder, proof)
        shutil.rmtree(folder)
    return tally


def _kill_once(case: Case, moment: float, folder: Path, tally: Tally) -> bool:
    """Kill a run at a moment and look at what it left; False where it ended before."""
    before = marks(case.finished(folder))
    going = Run(case.lines, folder)
    ended = going.wait(until=lambda: going.spent > moment)
    if not ended:
        going.signal(signal.SIGKILL)
    outcome = going.end()
    if outcome.code == -signal.SIGKILL:
        tally.kills += 1
        tally.midway += bool(whole.files(folder))
        tally.half_written += bool(whole.leftovers(folder))
    elif outcome.code:
        tally.failed.append(outcome.said[-500:])
    else:
        tally.ended_first += 1
    tally.broken += whole.broken(folder)
    tally.lost += changed(before, marks(case.finished(folder)))
    return outcome.code == -signal.SIGKILL


def _end(case: Case, folder: Path, tally: Tally) -> None:
    """Let a run end."""
    before = marks(case.finished(folder))
    outcome = run(case.lines, folder)
    tally.resumed += 1
    if outcome.code:
        tally.failed.append(outcome.said[-500:])
    tally.broken += whole.broken(folder) + whole.broken_checkpoint(folder / "checkpoint")
    tally.lost += changed(before, marks(case.finished(folder)))


def marks(paths: list[Path]) -> dict[Path, tuple[int, int]]:
    """What tells whether a file was written anew."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def changed(before: dict[Path, tuple[int, int]], now: dict[Path, tuple[int, int]]) -> list[str]:
    """Names of files that are gone or were written anew."""
    return [path.name for path, mark in before.items() if now.get(path) != mark]
