"""`argus3d-eval memorisation`: how near samples are to the training set, beside how near that is to itself.

Distances are Chamfer distances on the protocol's points, each cloud in its own box, between shapes of whatever class.
Points of generated shapes are drawn from other streams than those of training shapes, so that a training shape put in
for a sample is as far from itself as two draws of one surface are: the least ratio there is. Test shapes put in for
samples are the yardstick.

Training sets are mixed of sources whose shapes lie unequally close: thousands of procedural ones hide how far apart a
few hundred real ones are. `--like` takes the distances within the training set from a part of it that is mixed like
the samples.
"""

import argparse
import time
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from argus3d.errors import UserError
from eval import intervals, runs
from eval.clouds import CloudSet, load_clouds
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.sets import Sets
from eval.evaluate import clouds_sha256
from eval.metrics.novelty import compare_novelty
from eval.normalize import normalize
from eval.overlap import about_samples
from eval.protocol import Protocol
from eval.results import Counts, MetricValue, Result, require_place
from eval.selection import select
from eval.set_metrics import unit_of
from eval.splits import load_part

NEAR = 0.05  # quantile of the training shapes' distances to each other below which a sample is nearly a copy

Values = npt.NDArray[np.float64]


def main(argv: Sequence[str]) -> int:
    """Measure a set's distances to the training set."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(
        prog="argus3d-eval memorisation",
        description="Distances of samples to the training shapes nearest to them.",
        allow_abbrev=False,
    )
    parser.add_argument("generated", help=f"{runs.SOURCE}; test shapes for a yardstick")
    parser.add_argument("training", nargs="+", metavar="TRAINING", help="split parts such as household-v1/train")
    parser.add_argument(
        "--like", metavar="SPLIT/PART", help="training shapes whose distances to the others are the measure; all"
    )
    runs.add_arguments(parser)
    arguments = parser.parse_args(argv)
    require_place(arguments.out, arguments.generated, *arguments.training)
    protocol = runs.get(arguments)
    # Another seed: a training shape among the samples shall not have the very same points.
    generated = load_clouds(arguments.generated, protocol.points, protocol.seed + 1, arguments.data_root)
    training = [runs.load(source, arguments, protocol) for source in arguments.training]
    like = frozenset(load_part(arguments.like, arguments.data_root)) if arguments.like else None
    result = evaluate_memorisation(generated, training, protocol, runs.row_name(arguments), like)
    chosen = select(arguments.training[0], arguments.data_root)
    data = about_samples(arguments.generated, generated.categories, chosen, arguments.data_root)
    kept = {key: value for key, value in data.items() if key != "seen_in_training"}
    return runs.finish(result, arguments, start, runs.command("memorisation", argv), kept)


def evaluate_memorisation(
    generated: CloudSet,
    training: Sequence[CloudSet],
    protocol: Protocol,
    name: str = "memorisation",
    like: Collection[str] | None = None,
) -> Result:
    """Measure how near generated shapes are to training shapes.

    like : ids of the training shapes whose distances to their nearest others are the measure; None for all
    returns : Result of kind "memorisation": `novelty_ratio`, the median distance of a generated shape to its nearest
        training shape over the median distance of a training shape to its nearest other; `near_share`, of generated
        shapes nearer than the 5 % of training shapes that are nearest to another; `farther`, the probability that a
        generated shape lies farther than a training shape (see `eval.metrics.novelty`); `nearest_cd`, the median
        distance itself. Intervals by bootstrap over generated shapes: the training set is what it is
    Raises : UserError for fewer than two training shapes, or none that is `like`
    """
    if sum(len(part.clouds) for part in training) < 2:
        raise UserError("distances within the training set need two shapes or more; name more parts.")
    sources = (generated, *training)
    made, *parts = (normalize(one.clouds, protocol.normalization, one.name, one.ids) for one in sources)
    known = np.concatenate(parts)
    sets = Sets(ChamferPairs(np.concatenate([made, known]), kind=protocol.chamfer), len(made))
    novelty = compare_novelty(sets)
    ids = [item for part in training for item in part.ids]
    own = novelty.training.distance[[like is None or item in like for item in ids]]
    if not len(own):
        raise UserError("none of the training shapes is in the part that --like names; name a part of their split.")
    metrics = measure(novelty.generated.distance, own, protocol)
    near = Counts(sum(part.asked for part in training), len(known), tuple(e for part in training for e in part.failed))
    return Result(
        name=name,
        kind="memorisation",
        protocol=protocol,
        counts={"generated": Counts(generated.asked, len(made), generated.failed), "reference": near},
        metrics=metrics,
        data={"generated": clouds_sha256(made), "reference": clouds_sha256(known)},
        notes=(
            f"{len(known)} training shapes; median distance of {len(own)} of them to their nearest other: "
            f"{np.median(own):.3g}, {NEAR:.0%} quantile {np.quantile(own, NEAR):.3g}",
        ),
    )


def measure(distances: Values, own: Values, protocol: Protocol) -> dict[str, MetricValue]:
    """Metrics of distances to the nearest training shape.

    distances : (G,) float64, of generated shapes
    own : (T,) float64, of training shapes to their nearest other
    """
    middle, quantile = float(np.median(own)), float(np.quantile(own, NEAR))
    ordered = np.sort(own)
    below, up_to = (np.searchsorted(ordered, distances, side=side) for side in ("left", "right"))
    farther = (below + up_to) / (2 * len(own))
    ratio = distances / middle if middle > 0 else np.full(len(distances), np.nan)
    described = (
        ("novelty_ratio", ratio, np.median, "higher", None, ""),
        ("near_share", (distances < quantile).astype(np.float64), np.mean, "lower", None, ""),
        ("farther", farther, np.mean, "towards", 0.5, ""),
        ("nearest_cd", distances, np.median, "higher", None, unit_of("cd", protocol)),
    )
    metrics = {}
    for key, values, reduce, direction, ideal, unit in described:
        low, high = intervals.bootstrap_interval(values, reduce, protocol.confidence, protocol.seed)
        metrics[key] = MetricValue(float(reduce(values)), low, high, direction, ideal, unit)
    return metrics
