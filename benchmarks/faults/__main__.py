"""Break runs in every way at hand and look at what is left.

    python -m benchmarks.faults --kills 200 --out reports/results/faults.json

Runs of prepare, sample, score, train and report are killed (SIGKILL to the whole process group) at moments drawn
evenly from the time of an undisturbed run, resumed by the same command, killed again, and at last let end. After each
kill every file that is not named as partial must be whole, all that a manifest names must be there, and finished work
must not be made anew; at the end the bytes must be those of the undisturbed run, whatever a clock says left out. Then
other faults, see `others`. Disks that are full or read only are mounted, which takes root.

Processes are forked from one that has imported everything, so that moments fall into the work and not into imports.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Report = dict[str, Any]

# Kills of a case, of 100: as many as its length allows, since each costs a run.
SHARES = {
    "prepare": 14, "prepare, packed": 12, "prepare, 2 workers": 6, "sample": 17, "score": 12, "score, 2 workers": 3,
    "train autoencoder": 12, "train transformer": 12, "report": 12,
}  # fmt: skip


def measure(kills: int, scratch: Path, seed: int) -> Report:
    """All faults: kills beside the others, then those that take inputs away."""
    from benchmarks.faults import cases, others, processes
    from benchmarks.faults.kills import undisturbed

    processes.import_all()
    inputs = scratch / "inputs"
    inputs.mkdir()
    say("inputs")
    cases.write_inputs(inputs)
    ones = {}
    for case in cases.cases(inputs):
        proof = scratch / case.name.replace(" ", "-").replace(",", "")
        ones[case.name] = others.Whole(case, proof, undisturbed(case, proof))
        say(f"{case.name}: {ones[case.name].seconds:.1f} s undisturbed")
    killed, found = processes.beside_each_other(
        [lambda: killed_often(ones, kills, scratch / "killed", seed), lambda: other_faults(ones, scratch / "trial")],
        scratch,
    )
    found += tell([lambda: others.vanished([one for name, one in ones.items() if alone(name)], inputs, scratch / "v")])
    return {"kills": killed, "others": [*found, ray_node(inputs / "tree", scratch / "ray.json")], "seed": seed}


def alone(name: str) -> bool:
    """Whether a case is the work of one process."""
    return "workers" not in name


def killed_often(ones: Any, kills: int, trial: Path, seed: int) -> dict[str, Report]:
    """The kills of all cases."""
    from benchmarks.faults.kills import killed_often as killed

    found = {}
    for name, one in ones.items():
        tally = killed(one.case, -(-kills * SHARES[name] // 100), one.seconds, one.folder, trial, seed)
        found[name] = {"seconds_undisturbed": round(one.seconds, 2), **tally.report()}
        say(f"{name}: {tally.kills} kills, findings: {tally.faults or 'none'}")
    return found


def other_faults(ones: Any, trial: Path) -> list[Report]:
    """Each of the other faults, on the cases that it concerns."""
    from benchmarks.faults import others

    few = [ones[name] for name in ("prepare", "sample", "score", "train autoencoder", "report")]
    asked = [
        lambda: others.two_at_once([one for name, one in ones.items() if alone(name)], trial),
        lambda: others.no_memory(few, trial),
        lambda: others.lost_workers([one for name, one in ones.items() if not alone(name)], trial, 2),
        lambda: others.interrupted(few, trial, 2),
    ]
    if others.can_mount():
        asked += [lambda: others.full_disk(few, trial), lambda: others.read_only(few, trial)]
    return tell(asked)


def tell(asked: Sequence[Callable[[], Report]]) -> list[Report]:
    """Do each and say what came of it."""
    found = []
    for fault in asked:
        found.append(fault())
        say(f"{found[-1]['fault']}: {found[-1]['times']} times, findings: {found[-1]['findings'] or 'none'}")
    return found


def ray_node(tree: Path, out: Path) -> Report:
    """A node of a Ray cluster lost, in a process of its own."""
    import importlib.util
    import subprocess

    from benchmarks.faults.others import tried

    if importlib.util.find_spec("ray") is None:
        return tried("a Ray node lost", 0, [], [])
    words = [sys.executable, "-m", "benchmarks.faults.ray_node", str(tree), str(out)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        return tried("a Ray node lost", 1, [done.stderr[-500:]], [f"exit code {done.returncode}"])
    same = json.loads(out.read_text())["same_bytes"]
    return tried("a Ray node lost", 1, [] if same else ["the manifest differs"], ["done"])


def table(report: Report) -> str:
    """The report as Markdown."""
    keys = ("kills", "midway", "half_written", "resumed", "broken", "lost", "different", "failed")
    lines = ["| work | seconds | " + " | ".join(key.replace("_", " ") for key in keys) + " |"]
    lines.append("| :--- |" + " ---: |" * (len(keys) + 1))
    for name, found in report["kills"].items():
        counts = [found[key] if isinstance(found[key], int) else len(found[key]) for key in keys]
        lines.append(f"| {name} | {found['seconds_undisturbed']} | " + " | ".join(map(str, counts)) + " |")
    lines += ["", "| fault | times | ended | findings |", "| :--- | ---: | :--- | ---: |"]
    for found in report["others"]:
        ended = ", ".join(f"{way} {count}" for way, count in found["ended"].items())
        lines.append(f"| {found['fault']} | {found['times']} | {ended} | {len(found['findings'])} |")
    return "\n".join(lines)


def say(words: str) -> None:
    """Progress, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="in all (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        report = measure(arguments.kills, Path(scratch), arguments.seed)
    from argus3d.data.files import write_json

    total = sum(found["kills"] for found in report["kills"].values())
    faults = sum(len(found["findings"]) for found in report["others"]) + sum(
        len(found[key]) for found in report["kills"].values() for key in ("broken", "lost", "different", "failed")
    )
    write_json(arguments.out, report | {"killed": total, "findings": faults})
    print(table(report))
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
