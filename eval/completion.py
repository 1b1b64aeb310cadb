"""From completions of partial shapes to a result: how various they are, and how well they keep what was given.

Everything is measured in the frame of the complete shape, so that a completion in the wrong place or size counts
against it; only MMD, which pools the completions of all shapes as completion papers do, brings each cloud to its own
box. TMD is that of points drawn from surfaces, so that copies of one mesh are some way apart: the row of the reference
itself says how far.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from argus3d.data.streams import item_rng
from argus3d.errors import UserError
from eval.metrics.completion import completeness, distances_to_truth, uhd
from eval.normalize import normalize_pairs
from eval.per_shape import PerShape, by_category, difference, mean_of
from eval.protocol import Protocol
from eval.results import Result
from eval.task_folder import Drawn, Points, Tally, Task, draw, each

# Farther apart than the part's points, 2,048 points of a completion would be what UHD measures.
DENSE = 8  # times the protocol's points
WITHIN = 0.03
OWN = ("tmd_cd", "uhd", f"completeness_{WITHIN:g}", "own_mmd_cd", "amd_cd")


def evaluate_completion(
    tasks: Sequence[Task], parts: Mapping[str, Points], protocol: Protocol, name: str = "completion"
) -> Result:
    """Measure completions.

    tasks : with equally many samples each
    parts : what was given, by shape
    returns : Result of kind "completion": `tmd_cd`, `uhd`, `completeness_0.03`, `mmd_cd` of all completions together,
        `own_mmd_cd` and `amd_cd` of each input's own, the nearest and the mean; means over inputs, with bootstrap
        intervals over inputs. A completion without a surface is left out of them, and of TMD the rest counts for all;
        an input of which none came is left out of all but `mmd_cd`
    Raises : UserError where fewer than two samples were made of each shape, or none has a surface
    """
    if each(tasks) < 2:
        raise UserError("TMD needs two or more completions of each shape, but the folder has one; make more.")
    tally, found = Tally(), PerShape()
    for drawn in draw(tasks, protocol.points, DENSE * protocol.points, protocol.seed, tally):
        found.take(drawn, protocol)
        found.put(measure(drawn, parts[drawn.task.shape.id], protocol))
    values = found.whole(protocol)
    return Result(
        name=name,
        kind="completion",
        protocol=protocol,
        counts=tally.counts(),
        metrics={key: mean_of(key, entries, protocol) for key, entries in values.items()},
        data=found.sha256(),
        per_category=by_category(found.categories, values),
        notes=(*tally.notes(), _how(tasks, protocol)),
    )


def measure(drawn: Drawn, part: Points, protocol: Protocol) -> dict[str, float]:
    """Metrics of one input by its own completions, nan where none of them has a surface."""
    if not len(drawn.samples):
        return dict.fromkeys(OWN, float("nan"))
    truth, many = drawn.truth[None], drawn.samples
    given, framed = normalize_pairs(_thinned(part, protocol, drawn.task.shape.id)[None], truth, protocol.normalization)
    done, _ = normalize_pairs(many, np.repeat(truth, len(many), axis=0), protocol.normalization)
    few = np.ascontiguousarray(done[:, : protocol.points])[None]
    own = distances_to_truth(few, framed, protocol.chamfer)[0]
    various = difference(few[0], len(drawn.task.samples), protocol.chamfer)
    kept = float(uhd(done[None], list(given))[0]), float(completeness(done[None], list(given), WITHIN)[0])
    return dict(zip(OWN, (various, *kept, float(own.min()), float(own.mean())), strict=True))


def _thinned(part: Points, protocol: Protocol, shape: str) -> Points:
    if len(part) <= protocol.points:
        return part
    chosen = item_rng(protocol.seed, f"part:{shape}").choice(len(part), protocol.points, replace=False)
    return part[chosen]


def _how(tasks: Sequence[Task], protocol: Protocol) -> str:
    return (
        f"{each(tasks)} completions a shape; UHD and completeness take {DENSE * protocol.points} points of each and at "
        f"most {protocol.points} of the part"
    )
