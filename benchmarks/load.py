"""Large sets in bounded memory, in about the time that was said at the start, and many small ones at once.

    python -m benchmarks.load --out reports/results/load.json [--part NAME ...]

Clouds of 2,048 points of procedural shapes. Everything by which a protocol measures is timed, intervals and p-values
included. Parts that are not asked for stay in the report as they were. Predictions want a quiet machine.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from argus3d.bench import conditions
from argus3d.data.files import write_json
from benchmarks.shapes import POINTS, procedural
from eval.clouds import CloudSet
from eval.distances.neighbours import Pairs
from eval.evaluate import evaluate_sets
from eval.forecast import Forecast
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
    """Keeps what was said at the start, when the trial for it was over, and how long each kind of distance took."""

    def __init__(self) -> None:
        super().__init__()
        self.took: dict[str, float] = {}

    def begin(self, *sets: Any) -> None:
        start = time.perf_counter()
        super().begin(*sets)
        self.started = time.perf_counter()
        self.trial = self.started - start

    @contextmanager
    def watched(self, pairs: Pairs, suffix: str) -> Iterator[Pairs]:
        start = time.perf_counter()
        with super().watched(pairs, suffix) as same:
            yield same
        self.took[suffix] = time.perf_counter() - start

    @property
    def forecast(self) -> Forecast:
        assert self._forecast is not None
        return self._forecast


def all_metrics(generated: Points, reference: Points) -> Report:
    """A measurement of two sets, and what was said of it."""
    noted = Noted()
    evaluate_sets(_set("generated", generated), _set("reference", reference), PROTOCOL, progress=noted)
    took, said = time.perf_counter() - noted.started, noted.forecast.seconds
    stages = {
        name: {"predicted": round(stage.bounds + stage.metrics, 1), "measured": round(noted.took[name], 1)}
        for name, stage in noted.forecast.stages.items()
    }
    return {
        "clouds_per_set": len(generated),
        "predicted_seconds": round(said, 1),
        "seconds": round(took, 1),
        "off_by_a_factor": {"value": round(max(said / took, took / said), 2), "at_most": FACTOR},
        "trial_seconds": round(noted.trial, 1),
        "of_open_pairs": stages,
    }


def prediction() -> Report:
    """Said and measured at several sizes."""
    return _rows(*COUNTS)


def large() -> Report:
    """The same for sets that nobody has a matrix for."""
    return _rows(LARGE)


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


PARTS: dict[str, Callable[[], Report]] = {"prediction": prediction, "large": large, "at_once": at_once}


def _score(folder: Path, out: str, cache: str) -> "subprocess.Popen[bytes]":
    words = ["score", "a.npy", "b.npy", "--cache", cache, "--out", out]
    return subprocess.Popen(
        [sys.executable, "-m", "eval.cli", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _unnamed(result: Report) -> Report:
    return {key: value for key, value in result.items() if key != "name"}


def _rows(*counts: int) -> Report:
    rows = [_alone(all_metrics, count) for count in counts]
    return {"what": f"all metrics of {PROTOCOL.name}, intervals included", "rows": rows}


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
