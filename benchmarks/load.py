"""Large sets in bounded memory, in about the time that was said at the start, and many small ones at once.

    python -m benchmarks.load --out reports/results/load.json [--part NAME ...]

Clouds of 2,048 points of procedural shapes. Everything by which a protocol measures is timed, intervals and p-values
included: under argus3d-v1 up to 1,000 shapes a set, by Chamfer distance alone at 10,000, where all is only foreseen.
Parts that are not asked for stay in the report as they were. Predictions want a quiet machine.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from argus3d.bench import conditions
from argus3d.data.files import write_json
from benchmarks.shapes import POINTS, procedural
from eval import forecast, kinds
from eval.clouds import CloudSet
from eval.evaluate import evaluate_sets
from eval.progress import Told
from eval.protocol import get_protocol

Points = npt.NDArray[np.float32]
Report = dict[str, Any]

PROTOCOL = get_protocol("argus3d-v1")
COUNTS = (500, 1000)  # shapes a set, by all metrics
LARGE = 10_000
FACTOR = 1.5  # that a prediction may be off
SMALL, AT_ONCE = 32, 100


class Noted(Told):
    """Keeps what was said at the start, and when the trial for it was over."""

    def begin(self, *sets: Any) -> None:
        start = time.perf_counter()
        super().begin(*sets)
        self.started = time.perf_counter()
        self.trial = self.started - start

    @property
    def forecast(self) -> forecast.Forecast:
        assert self._forecast is not None
        return self._forecast


def all_metrics(generated: Points, reference: Points) -> Report:
    """A measurement of two sets, and what was said of it."""
    noted = Noted()
    evaluate_sets(_set("generated", generated), _set("reference", reference), PROTOCOL, progress=noted)
    seconds = time.perf_counter() - noted.started
    return _row(len(generated), noted.forecast.seconds, seconds) | {"trial_seconds": round(noted.trial, 1)}


def by_chamfer(generated: Points, reference: Points) -> Report:
    """COV, MMD, 1-NNA and ECD by Chamfer distance, and what was said of it."""
    size, some = len(generated), forecast.tried(len(generated))
    chosen = np.sort(np.random.default_rng(0).choice(size, some, replace=False))
    few, _ = kinds.kinds(generated[chosen], reference[chosen], PROTOCOL)
    whole, _ = kinds.kinds(generated, reference, PROTOCOL)
    forecast.measured(few, some, PROTOCOL)  # loads what is compiled
    start = time.perf_counter()
    said = forecast.grown(few, whole, some, size, PROTOCOL)
    trial = time.perf_counter() - start
    took = forecast.measured(whole, size, PROTOCOL)
    stages = {name: asdict(stage) for name, stage in (("predicted", said), ("measured", took))}
    return _row(size, said.seconds, took.seconds) | {"trial_seconds": round(trial, 1), "stages": stages}


def by_all_said(generated: Points, reference: Points) -> Report:
    """What is said of a measurement by all metrics, which is not made."""
    start = time.perf_counter()
    said = forecast.forecast(generated, reference, PROTOCOL)
    return {
        "clouds_per_set": len(generated),
        "predicted_hours": {name: round(stage.seconds / 3600, 2) for name, stage in said.stages.items()},
        "trial_seconds": round(time.perf_counter() - start, 1),
    }


def prediction() -> Report:
    """Said and measured at several sizes."""
    rows = [_alone(all_metrics, count) for count in COUNTS]
    return {"what": f"all metrics of {PROTOCOL.name}, intervals included", "rows": rows}


def large() -> Report:
    """The same for sets that nobody has a matrix for."""
    return {"what": "COV, MMD, 1-NNA and ECD by CD, intervals included", "rows": [_alone(by_chamfer, LARGE)]}


def said() -> Report:
    """What EMD would take there, which nobody here has waited for."""
    return {"what": f"said of all metrics of {PROTOCOL.name}, not measured", "rows": [_alone(by_all_said, LARGE)]}


def at_once() -> Report:
    """Commands started together that share a cache: whether all end, and with what one alone gives."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, clouds in zip(("a", "b"), np.split(procedural(2 * SMALL, POINTS), 2), strict=True):
            np.save(folder / f"{name}.npy", clouds)
        _score(folder, "warm.json", "own").wait()
        start = time.perf_counter()
        codes = [_score(folder, "alone.json", "own").wait()]
        alone = time.perf_counter() - start
        start = time.perf_counter()
        running = [_score(folder, f"{index}.json", "shared") for index in range(AT_ONCE)]
        codes += [one.wait() for one in running]
        seconds = time.perf_counter() - start
        contents = [(folder / f"{index}.json") for index in range(AT_ONCE)]
        proof = json.loads((folder / "alone.json").read_text())
        same = sum(path.is_file() and _unnamed(json.loads(path.read_text())) == _unnamed(proof) for path in contents)
        left = [path.name for path in folder.rglob(".*.part*")]
    if any(codes) or same < AT_ONCE or left:
        raise RuntimeError(f"{sum(map(bool, codes))} failed, {same} of {AT_ONCE} are equal, left behind: {left}")
    return {
        "what": f"{AT_ONCE} commands `argus3d-eval score` of {SMALL} + {SMALL} clouds started together, one --cache",
        "failed": 0,
        "equal_to_the_one_that_ran_alone": same,
        "seconds": round(seconds, 1),
        "seconds_of_one_alone": round(alone, 1),
        "times_as_long_as_one_after_another": round(seconds / alone / AT_ONCE, 2),
    }


PARTS: dict[str, Callable[[], Report]] = {"prediction": prediction, "large": large, "said": said, "at_once": at_once}


def _score(folder: Path, out: str, cache: str) -> "subprocess.Popen[bytes]":
    words = ["score", "a.npy", "b.npy", "--cache", cache, "--out", out]
    return subprocess.Popen(
        [sys.executable, "-m", "eval.cli", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _unnamed(result: Report) -> Report:
    return {key: value for key, value in result.items() if key != "name"}


def _row(size: int, said: float, took: float) -> Report:
    factor = max(said / took, took / said)
    return {
        "clouds_per_set": size,
        "predicted_seconds": round(said, 1),
        "seconds": round(took, 1),
        "off_by_a_factor": {"value": round(factor, 2), "at_most": FACTOR},
    }


def _set(name: str, clouds: Points) -> CloudSet:
    ids = tuple(f"{index:05d}" for index in range(len(clouds)))
    return CloudSet(name, clouds, ids, ("",) * len(ids), asked=len(ids))


def _alone(measure: Callable[[Points, Points], Report], count: int) -> Report:
    """A measurement in a process of its own, whose peak memory it is."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_in_memory, (measure, count))


def _in_memory(measure: Callable[[Points, Points], Report], count: int) -> Report:
    both = procedural(2 * count, POINTS)[np.random.default_rng(1).permutation(2 * count)]
    row = measure(both[:count], both[count:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return row | {"peak_gigabytes": round(peak / 1e9, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", action="append", choices=PARTS, help="default: all")
    arguments = parser.parse_args()
    report: Report = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    for name in arguments.part or PARTS:
        report[name] = PARTS[name]() | {"conditions": conditions(torch.device("cpu"))}
        print(json.dumps({name: report[name]}, indent=1))
        write_json(arguments.out, report)


if __name__ == "__main__":
    main()
