"""What each metric notices: sets with a known defect against a reference, and in what share of cases metrics tell.

    python -m benchmarks.what_metrics_notice --out reports/results/what-metrics-notice.json \\
        --table reports/tables/what-metrics-notice.md [--repeats 40]

Each repeat draws a reference and a set of samples of procedural shapes, as many of each of twelve classes in the mean,
does to the samples what the defect says, and measures both as `argus3d-eval score` does. A metric with a test of its
own (1-NNA, ECD) notices where its p-value is below 0.05. The others notice where their interval leaves out the mean
that samples without a defect have at this size, on either side: that is kinder than life, where only one pair of sets
and `argus3d-eval halves` tell what that mean is. How often samples without a defect are taken for altered ones is the
row of false alarms, there against the mean of the other repeats.

What the protocol's normalisation undoes, size and place, is no defect here: the tests show that no number moves.

PROTOCOL is argus3d-v1 but for fewer points and fewer splits, so that 2,000 pairs of sets take less than an hour of one
core; more points would let noise be seen sooner. Shapes of the pool have 4,096 points; each sample takes points of its
own among them. Cells that are there already, of as many repeats, are not measured again.
"""

import argparse
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from argus3d.data.files import write_atomically, write_json
from argus3d.data.procedural import CATEGORIES
from benchmarks.shapes import procedural
from eval.evaluate import evaluate
from eval.protocol import get_protocol
from eval.report.markup import Cell, Table, markdown
from eval.results import MetricValue

Points = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]

PROTOCOL = replace(
    get_protocol("argus3d-v1"), name="argus3d-v1 on fewer points", points=256, emd_points=32, interval_repeats=40
)
SIZES = (30, 60, 120, 240)
REPEATS = 40
POOL, POOL_POINTS = 2400, 4096  # shapes, class after class, and points of each
CLASSES = len(CATEGORIES)
TRAINED_ON = 60  # shapes that the memoriser of few has seen
ALPHA = 1 - PROTOCOL.confidence
ENOUGH = 0.8  # power that a cell of the table asks for
UNALTERED = "nothing"
COLUMNS = {
    "mmd_cd": "MMD-CD", "cov_cd": "COV-CD", "one_nna_cd": "1-NNA-CD", "ecd_cd": "ECD-CD", "ecd1_cd": "ECD-CD, k = 1",
    "mmd_emd": "MMD-EMD", "cov_emd": "COV-EMD", "one_nna_emd": "1-NNA-EMD", "ecd_emd": "ECD-EMD",
    "ecd1_emd": "ECD-EMD, k = 1", "jsd": "JSD", "frechet": "Fréchet", "kernel": "kernel",
}  # fmt: skip


def any_shapes(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """As many shapes as the reference has, out of those that it does not have."""
    return np.asarray(rng.choice(rest, len(reference), replace=False))


def without_a_class(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """Shapes of all classes but one."""
    return any_shapes(rng, reference, rest[rest % CLASSES != rng.integers(CLASSES)])


def of_other_shares(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """Shapes of one half of the classes come three times as often as those of the other."""
    weights = np.where(np.isin(rest % CLASSES, rng.permutation(CLASSES)[: CLASSES // 2]), 3.0, 1.0)
    return np.asarray(rng.choice(rest, len(reference), replace=False, p=weights / weights.sum()))


def out_of_few(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """Shapes of a small training set, again and again."""
    return np.asarray(rng.choice(rng.choice(rest, TRAINED_ON, replace=False), len(reference)))


def one_shape(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """The same shape each time."""
    return np.repeat(rng.choice(rest, 1), len(reference))


def reference_shapes(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """The reference's own shapes."""
    return reference


def half_reference_shapes(rng: np.random.Generator, reference: Indices, rest: Indices) -> Indices:
    """Every second shape is one of the reference's own."""
    return np.concatenate([reference[::2], any_shapes(rng, reference[1::2], rest)])


def untouched(rng: np.random.Generator, clouds: Points) -> Points:
    """The clouds themselves."""
    return clouds


def turned(degrees: float) -> Callable[[np.random.Generator, Points], Points]:
    """Turned about the vertical, y."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], np.float32)
    return lambda rng, clouds: clouds @ rotation.T


def stretched(factor: float) -> Callable[[np.random.Generator, Points], Points]:
    """Made taller."""
    return lambda rng, clouds: clouds * np.array([1, factor, 1], np.float32)


def noised(deviation: float) -> Callable[[np.random.Generator, Points], Points]:
    """Each coordinate of each point moved by normal noise, in sides."""
    return lambda rng, clouds: clouds + rng.normal(0, deviation, clouds.shape).astype(np.float32)


@dataclass(frozen=True)
class Defect:
    """What is wrong with a set of samples.

    choose : (rng, reference, rest) to the indices of samples in the pool, as many as the reference's; rest: all others
    alter : (rng, clouds) to the clouds that are measured
    """

    choose: Callable[[np.random.Generator, Indices, Indices], Indices] = any_shapes
    alter: Callable[[np.random.Generator, Points], Points] = untouched


DEFECTS = {
    UNALTERED: Defect(),
    "turned by 15° about the vertical": Defect(alter=turned(15)),
    "stretched upwards by 10 %": Defect(alter=stretched(1.1)),
    "noise of 0.005 of a side": Defect(alter=noised(0.005)),
    "noise of 0.01": Defect(alter=noised(0.01)),
    "noise of 0.02": Defect(alter=noised(0.02)),
    "one class of twelve missing": Defect(without_a_class),
    "half of the classes three times as frequent": Defect(of_other_shares),
    f"memorised: drawn from {TRAINED_ON} training shapes": Defect(out_of_few),
    "one shape repeated": Defect(one_shape),
    "every second shape is one of the reference": Defect(half_reference_shapes),
    "all shapes are those of the reference": Defect(reference_shapes),
}


@cache
def pool() -> Points:
    """Clouds of procedural shapes in boxes of side 1, (POOL, POOL_POINTS, 3), class after class; once for a process."""
    return procedural(POOL, POOL_POINTS)


def clouds_of(rng: np.random.Generator, shapes: Indices) -> Points:
    """(N, PROTOCOL.points, 3), points drawn anew for each, also where a shape comes twice."""
    return np.stack([pool()[shape][rng.choice(POOL_POINTS, PROTOCOL.points, replace=False)] for shape in shapes])


def replicate(name: str, size: int, number: int) -> dict[str, MetricValue]:
    """Metrics of the `number`-th pair of sets; all defects meet the same references, and the same luck."""
    rng = np.random.default_rng([size, number])
    order = rng.permutation(POOL)
    reference, rest = order[:size], order[size:]
    theirs = clouds_of(rng, reference)
    own = np.random.default_rng([size, number, 1])
    defect = DEFECTS[name]
    samples = defect.alter(own, clouds_of(own, defect.choose(own, reference, rest)))
    metrics = evaluate(samples, theirs, PROTOCOL).metrics
    # The network's hash says nothing here, and ECD an edge says what ECD says.
    return {_short(key): value for key, value in metrics.items() if not key.endswith("_per_edge")}


def _short(key: str) -> str:
    return key.split("_")[0] if key.startswith(("frechet_", "kernel_")) else key


def noticed(found: Sequence[MetricValue], usual: Values) -> npt.NDArray[np.bool_]:
    """Whether a metric tells each set from an unaltered one: by its p-value, or by an interval without `usual`.

    found : one metric in each repeat
    usual : (len(found),) its mean for unaltered samples; an interval that is nan notices nothing
    """
    if any(value.p_value is not None for value in found):
        return np.array([value.p_value is not None and value.p_value < ALPHA for value in found])
    return np.array([value.low > mean or value.high < mean for value, mean in zip(found, usual, strict=True)])


def cell(
    name: str, size: int, repeats: int, usual: dict[str, float] | None = None, run: Callable[..., Any] = map
) -> dict[str, Any]:
    """In what share of repeats each metric notices one defect at one size.

    usual : means of each metric for unaltered samples of this size; None for the unaltered samples themselves, each
        repeat of which is held against the others
    run : `map`, or that of a pool of processes
    """
    found = list(run(partial(replicate, name, size), range(repeats)))
    metrics = {}
    for key in found[0]:
        entries = [metrics_of[key] for metrics_of in found]
        values = np.array([entry.value for entry in entries])
        means = (values.sum() - values) / (repeats - 1) if usual is None else np.full(repeats, usual[key])
        power = float(noticed(entries, means).mean())
        metrics[key] = {
            "noticed_percent": round(100 * power, 1),
            "standard_error": round(100 * (power * (1 - power) / repeats) ** 0.5, 1),
            "mean": float(f"{values.mean():.5g}"),
            "standard_deviation": float(f"{values.std(ddof=1):.4g}"),
        }
    return {"defect": name, "size": size, "repeats": repeats, "metrics": metrics}


def means_of(unaltered: dict[str, Any]) -> dict[str, float]:
    """What `cell` takes as usual, from the cell of unaltered samples."""
    return {key: entry["mean"] for key, entry in unaltered["metrics"].items()}


def report(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """The file that is written."""
    return {
        "what": "percent of repeats in which a metric tells samples with a defect from samples without",
        "protocol": PROTOCOL.to_json(),
        "pool": {"shapes": POOL, "classes": CLASSES, "points": POOL_POINTS},
        "cells": sorted(cells, key=lambda one: (list(DEFECTS).index(one["defect"]), one["size"])),
    }


def table(content: dict[str, Any]) -> str:
    """Markdown: for each defect and metric the smallest sets that notice, below it the power at each size.

    content : of at least one size, all defects measured
    """
    cells = {(one["defect"], one["size"]): one for one in content["cells"]}
    # Of a run that was cut off, the sizes that it finished.
    sizes = [size for size in sorted({size for _, size in cells}) if all((name, size) in cells for name in DEFECTS)]
    repeats = min(cells[name, size]["repeats"] for name in DEFECTS for size in sizes)
    rows = []
    for name in DEFECTS:
        powers = [[cells[name, size]["metrics"][key]["noticed_percent"] for size in sizes] for key in COLUMNS]
        rows.append([Cell(name), *(_cell(name, power, sizes) for power in powers)])
    protocol = content["protocol"]
    return markdown(
        Table(
            caption="What metrics notice: the smallest sets at which a metric tells samples with a defect from "
            f"samples without in {ENOUGH:.0%} of cases",
            header=[Cell("what is wrong"), *(Cell(title) for title in COLUMNS.values())],
            rows=rows,
            notes=[
                f"Below: in how many of 100 cases at {', '.join(map(str, sizes))} shapes a set ({repeats} repeats "
                f"each: ± {100 * 1.96 * (0.25 / repeats) ** 0.5:.0f} at most). 1-NNA and ECD by their p-value, the "
                "others by a 95 % interval without the mean of samples without a defect, which a user knows less well.",
                f"The first row are false alarms, the worst and all; {100 * ALPHA:.0f} would be as it should. Copies "
                "of as many training shapes as there are samples are of that row too: they are draws from the same "
                "distribution, and no metric here can tell (argus3d-eval memorisation does).",
                f"Procedural shapes of {content['pool']['classes']} classes; {protocol['points']} points a cloud, EMD "
                f"on {protocol['emd_points']}, otherwise as argus3d-v1. More points show noise sooner.",
            ],
        )
    )


def _cell(name: str, powers: Sequence[float], sizes: Sequence[int]) -> Cell:
    below = " · ".join(f"{power:.0f}" for power in powers)
    if name == UNALTERED:
        return Cell(f"{max(powers):.0f} %", below)
    return Cell(smallest(powers, sizes), below)


def smallest(powers: Sequence[float], sizes: Sequence[int]) -> str:
    """The size from which on every power is enough, or "> " and the largest size.

    powers : percent, one a size; sizes : rising
    """
    enough = [power >= 100 * ENOUGH for power in powers]
    if not enough[-1]:
        return f"> {sizes[-1]}"
    return str(sizes[len(sizes) - [*enough[::-1], False].index(False)])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True, help="Markdown of the file's content")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="pairs of sets a cell (default: %(default)s)")
    parser.add_argument("--size", action="append", type=int, help="only these sizes; may be repeated")
    arguments = parser.parse_args(argv)
    if arguments.repeats < 2:
        parser.error("--repeats must be 2 or more: each repeat is held against the others")
    cells = {}
    if arguments.out.exists():
        before = json.loads(arguments.out.read_text())
        if before["protocol"]["hash"] != PROTOCOL.hash:
            parser.error(f"{arguments.out} is of another protocol; move it away to measure anew")
        cells = {(one["defect"], one["size"]): one for one in before["cells"]}
    pool()  # before the processes fork, so that they share it
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(os.cpu_count(), fork, initializer=numba.set_num_threads, initargs=(1,)) as processes:
        for size in sorted(arguments.size or SIZES):
            for name in DEFECTS:  # the unaltered come first
                if cells.get((name, size), {}).get("repeats") == arguments.repeats:
                    continue
                usual = None if name == UNALTERED else means_of(cells[UNALTERED, size])
                cells[name, size] = cell(name, size, arguments.repeats, usual, processes.map)
                print(json.dumps(summary(cells[name, size])), flush=True)
                write_json(arguments.out, report(list(cells.values())))
    write_atomically(arguments.table, table(report(list(cells.values()))).encode())


def summary(one: dict[str, Any]) -> dict[str, Any]:
    """A cell in a line."""
    shown = {key: one["metrics"][key]["noticed_percent"] for key in COLUMNS}
    return {"defect": one["defect"], "size": one["size"], **shown}


if __name__ == "__main__":
    main()
