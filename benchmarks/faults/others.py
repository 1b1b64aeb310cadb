"""Other faults, each tried at chosen moments: what a run says, what it leaves, and what the next one makes of it."""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults import whole
from benchmarks.faults.cases import Case
from benchmarks.faults.kills import changed, marks
from benchmarks.faults.processes import HUNG, PATIENCE, Ended, Line, Run, members, run

Report = dict[str, Any]
Finding = str

DISKS = (0.15, 0.4, 0.7, 0.95)  # of what the whole result takes
MEGABYTE = 2**20
SPARE = tuple(megabytes * 2**20 for megabytes in (0, 1, 5, 20, 60, 200))  # memory beside what the imports took


@dataclass(frozen=True)
class Whole:
    """A case that ran undisturbed: in which folder, and for how long."""

    case: Case
    folder: Path
    seconds: float


def tried(what: str, times: int, findings: Sequence[Finding], ways: Sequence[str]) -> Report:
    """A line of the report.

    ways : how the disturbed runs ended
    """
    counts = {way: ways.count(way) for way in dict.fromkeys(ways)}
    return {"fault": what, "times": times, "ended": counts, "findings": list(findings)}


def way(ended: Ended) -> str:
    """How a run ended, in a word."""
    if ended.code == 0:
        return "done"
    if ended.code == HUNG:
        return "hung"
    if ended.in_words:
        return "said"
    if ended.aborted:
        return "ended by compiled code"
    return f"not said ({ended.code})"


def checked(one: Whole, folder: Path, ended: Ended, fails: bool, keeps: bool = True) -> list[Finding]:
    """What is wrong after a disturbed run, and after the next, undisturbed one.

    fails : whether the disturbance must be told as a failure
    keeps : whether what it finished must be left as it is
    """
    name, found = one.case.name, []
    if ended.code != 0 and not ended.in_words and not ended.aborted:
        found.append(f"{name}: {way(ended)}, not in a sentence: {ended.said[-300:]}")
    if fails and ended.code == 0:
        found.append(f"{name}: it did not notice")
    found += [f"{name}: {entry}" for entry in whole.broken(folder)]
    return found + resumed(one, folder, keeps)


def resumed(one: Whole, folder: Path, keeps: bool = True) -> list[Finding]:
    """What is wrong after the same commands once more, undisturbed."""
    before = marks(one.case.finished(folder))
    again = run(one.case.lines, folder)
    if again.code:
        return [f"{one.case.name}: it does not go on: {again.said[-300:]}"]
    lost = changed(before, marks(one.case.finished(folder))) if keeps else []
    found = [f"{one.case.name}: {entry} was made anew" for entry in lost]
    found += [f"{one.case.name}: {entry}" for entry in whole.broken(folder)]
    return found + [f"{one.case.name}: {entry} differs" for entry in whole.differences(folder, one.folder)]


@contextmanager
def disk(folder: Path, size: int) -> Iterator[None]:
    """A folder on a disk of so many bytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def remount(folder: Path, options: str) -> None:
    """Change a disk that is mounted."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def full_disk(ones: Sequence[Whole], folder: Path) -> Report:
    """Disks that are too small, then large enough."""
    found: list[Finding] = []
    ways = []
    for one in ones:
        size = sum(path.stat().st_size for path in whole.files(one.folder).values())
        for share in DISKS:
            with disk(folder, max(4096, int(share * size))):
                ended = run(one.case.lines, folder)
                ways.append(way(ended))
                remount(folder, "size=256m")
                found += checked(one, folder, ended, fails=False)
    return tried("a full disk", len(ways), found, ways)


def read_only(ones: Sequence[Whole], folder: Path) -> Report:
    """A folder that nothing can be written into; root is not kept out by modes, but by a disk that is read only."""
    found, ways = [], []
    for one in ones:
        with disk(folder, 256 * MEGABYTE):
            remount(folder, "ro")
            ended = run(one.case.lines, folder)
            ways.append(way(ended))
            remount(folder, "rw")
            found += checked(one, folder, ended, fails=True)
    return tried("a read-only folder", len(ways), found, ways)


def no_memory(ones: Sequence[Whole], folder: Path) -> Report:
    """A limit of memory that the run may or may not keep within."""
    found, ways = [], []
    for one in ones:
        for spare in SPARE:
            folder.mkdir()
            ended = run(one.case.lines, folder, memory=spare)
            ways.append(way(ended))
            found += checked(one, folder, ended, fails=False)
            shutil.rmtree(folder)
    return tried("too little memory", len(ways), found, ways)


def lost_workers(ones: Sequence[Whole], folder: Path, times: int) -> Report:
    """One worker is killed, as the system does where memory runs out: another does what it had."""
    found, ways, draws = [], [], random.Random(0)
    for one in ones:
        for _ in range(times):
            folder.mkdir()
            going = Run(one.case.lines, folder)
            going.wait(until=lambda going=going: len(members(going.pid)) > 2)  # type: ignore[misc]
            moment = draws.uniform(0, one.seconds)
            going.wait(until=lambda going=going, moment=moment: going.spent > moment)  # type: ignore[misc]
            workers = [pid for pid in members(going.pid) if pid != going.pid and _works(pid)]
            if workers:
                os.kill(draws.choice(workers), signal.SIGKILL)
            ended = going.end()
            ways.append(way(ended) if workers else "no worker was there")
            found += [] if ended.code == 0 else [f"{one.case.name}: {ended.said[-300:]}"]
            found += [f"{one.case.name}: {entry} differs" for entry in _unlike(one, folder)]
            shutil.rmtree(folder)
    return tried("a worker lost", len(ways), found, ways)


def _works(pid: int) -> bool:
    """Whether a process is a worker, and not what keeps count of shared memory beside them."""
    try:
        return "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def _unlike(one: Whole, folder: Path) -> list[str]:
    """Differences but for scratch files of the worker that died, which the next run removes."""
    return [name for name in whole.differences(folder, one.folder) if name not in whole.leftovers(folder)]


def interrupted(ones: Sequence[Whole], folder: Path, times: int) -> Report:
    """Ctrl-C at random moments, from the first import on: a sentence and exit code 130."""
    found, ways, draws = [], [], random.Random(0)
    for one in ones:
        for _ in range(times):
            folder.mkdir()
            ended = _interrupted_once(one.case.lines[0], folder, draws.uniform(0.3, 3 + one.seconds))
            ways.append("done" if ended.code == 0 else "said" if ended.code == 130 else f"exit code {ended.code}")
            if ended.code not in (0, 130) or "Traceback" in ended.said:
                found.append(f"{one.case.name}: exit code {ended.code}: {ended.said[-300:]}")
            found += [f"{one.case.name}: {entry}" for entry in whole.broken(folder)] + resumed(one, folder)
            shutil.rmtree(folder)
    return tried("Ctrl-C", len(ways), found, ways)


def _interrupted_once(line: Line, folder: Path, moment: float) -> Ended:
    """The command as people start it, and Ctrl-C after some seconds."""
    program, *words = line
    module = "argus3d.cli" if program == "argus3d" else "eval.cli"
    # In the background of a shell Ctrl-C is ignored, and so in what is started there.
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = f"{heard}import runpy, sys; sys.argv[0] = {program!r}; runpy.run_module({module!r}, run_name='__main__')"
    command = subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said = command.communicate(timeout=moment)[1]
    except subprocess.TimeoutExpired:
        os.killpg(command.pid, signal.SIGINT)
        try:
            said = command.communicate(timeout=PATIENCE)[1]
        except subprocess.TimeoutExpired:
            os.killpg(command.pid, signal.SIGKILL)
            return Ended(HUNG, command.communicate()[1], 0.0)
    return Ended(command.returncode, said, 0.0)


def two_at_once(ones: Sequence[Whole], folder: Path) -> Report:
    """Two runs in one folder, the second a moment after the first: both end well, or the second is refused."""
    found, ways = [], []
    for one in ones:
        for late in (0.0, one.seconds / 4):
            folder.mkdir()
            first = Run(one.case.lines, folder)
            first.wait(until=lambda first=first, late=late: first.spent > late)  # type: ignore[misc]
            second = Run(one.case.lines, folder)
            ends = [first.end(), second.end()]
            ways.append(" and ".join(way(ended) for ended in ends))
            if all(ended.code for ended in ends):
                found.append(f"{one.case.name}: both failed: {ends[0].said[-200:]}; {ends[1].said[-200:]}")
            found += [
                f"{one.case.name}: {ended.said[-300:]}" for ended in ends if ended.code != 0 and not ended.in_words
            ]
            found += [f"{one.case.name}: {entry} differs" for entry in whole.differences(folder, one.folder)]
            shutil.rmtree(folder)
    return tried("two runs on one folder", len(ways), found, ways)


def vanished(ones: Sequence[Whole], inputs: Path, folder: Path) -> Report:
    """A file that is read vanishes while the run is under way, and is there again for the next one."""
    found, ways = [], []
    for one in ones:
        for path in vanishing(one.case.name, inputs):
            aside = path.with_name(f"{path.name}.aside")
            folder.mkdir()
            going = Run(one.case.lines, folder)
            going.wait(until=lambda: bool(whole.files(folder)))
            path.rename(aside)
            ended = going.end()
            aside.rename(path)
            ways.append(way(ended))
            # A pack that lacks a shape whose file was away is made anew with it.
            found += checked(one, folder, ended, fails=False, keeps="packed" not in one.case.name)
            shutil.rmtree(folder)
    return tried("a file that vanishes", len(ways), found, ways)


def vanishing(name: str, inputs: Path) -> list[Path]:
    """What a case reads late."""
    if name.startswith("prepare"):
        return [sorted(inputs.glob("tree/*/*.ply"))[-1]]
    if name == "sample":
        return [inputs / "tiny/transformer.safetensors"]
    if name == "report":
        return [inputs / "results/a.json", inputs / "samples/manifest.json"]
    if name.startswith("train"):
        return [inputs / "mine-v1.json", sorted(inputs.glob("data/mine/*/*/pointcloud.npz"))[-1]]
    return []


def can_mount() -> bool:
    """Whether this process may mount a disk, which small and read-only disks need."""
    return os.geteuid() == 0 and shutil.which("mount") is not None
