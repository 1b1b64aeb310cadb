"""JSD, CovT, completion, reconstruction and novelty by loops, in float64 or exact fractions."""

from fractions import Fraction
from itertools import product
from math import log2

import numpy as np
import numpy.typing as npt

from tests.reference.distances import chamfer

Cloud = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]


def nodes(resolution: int, ball: bool) -> list[tuple[Fraction, ...]]:
    """Lattice nodes of the cube [-0.5, 0.5]^3, or those of the ball in it, first axis slowest."""
    line = [Fraction(i, resolution - 1) - Fraction(1, 2) for i in range(resolution)]
    every = list(product(line, line, line))
    return [node for node in every if not ball or sum(x * x for x in node) <= Fraction(1, 4)]


def votes(clouds: Cloud, lattice: list[tuple[Fraction, ...]]) -> list[int]:
    """How many points have each node as their nearest, the first of equally near ones."""
    counts = [0] * len(lattice)
    for point in np.asarray(clouds).reshape(-1, 3):
        exact = [Fraction(float(x)) for x in point]
        squared = [sum((x - y) ** 2 for x, y in zip(exact, node, strict=True)) for node in lattice]
        counts[squared.index(min(squared))] += 1
    return counts


def jsd(generated: Cloud, reference: Cloud, ball: bool, resolution: int) -> float:
    lattice = nodes(resolution, ball)
    p, q = ([count / sum(c) for count in c] for c in (votes(generated, lattice), votes(reference, lattice)))

    def entropy(shares: list[float]) -> float:
        return -sum(x * log2(x) for x in shares if x > 0)

    return entropy([(x + y) / 2 for x, y in zip(p, q, strict=True)]) - (entropy(p) + entropy(q)) / 2


def covt(d_gr: Matrix, threshold: float) -> float:
    covered = set()
    for row in d_gr.tolist():
        best = row.index(min(row))
        if row[best] < threshold:
            covered.add(best)
    return len(covered) / d_gr.shape[1]


def directed(a: Cloud, b: Cloud) -> list[float]:
    """Of each point of a the distance to the nearest of b."""
    return [min(sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True)) ** 0.5 for y in b) for x in a]


def hausdorff(a: Cloud, b: Cloud) -> float:
    return max(max(directed(a, b)), max(directed(b, a)))


def cd_l1(a: Cloud, b: Cloud) -> float:
    return (sum(directed(a, b)) / len(a) + sum(directed(b, a)) / len(b)) / 2


def normal_consistency(a: Cloud, normals_a: Cloud, b: Cloud, normals_b: Cloud) -> float:
    def one_way(x: Cloud, normals_x: Cloud, y: Cloud, normals_y: Cloud) -> float:
        total = 0.0
        for i, point in enumerate(x):
            gaps = [sum((float(p) - float(q)) ** 2 for p, q in zip(point, other, strict=True)) for other in y]
            u, v = normals_x[i].astype(float), normals_y[gaps.index(min(gaps))].astype(float)
            total += abs(sum(u * v)) / (sum(u * u) * sum(v * v)) ** 0.5
        return total / len(x)

    return (one_way(a, normals_a, b, normals_b) + one_way(b, normals_b, a, normals_a)) / 2


def tmd(completions: Cloud) -> float:
    """Of one input: each completion's mean distance to the others, summed."""
    total = 0.0
    for j, one in enumerate(completions):
        others = [chamfer(one, other) for i, other in enumerate(completions) if i != j]
        total += sum(others) / len(others)
    return total


def uhd(completions: Cloud, partial: Cloud) -> float:
    return sum(max(directed(partial, completion)) for completion in completions) / len(completions)


def completeness(completions: Cloud, partial: Cloud, within: float) -> float:
    shares = [sum(d < within for d in directed(partial, completion)) / len(partial) for completion in completions]
    return sum(shares) / len(shares)


def amd(completions: Cloud, truth: Cloud) -> float:
    return sum(chamfer(completion, truth) for completion in completions) / len(completions)


def copy_p_values(d_gt: Matrix, d_tt: Matrix) -> list[float]:
    """Of each generated shape the share of all shapes, it and the training ones, that have as near a neighbour."""
    found = []
    for row in d_gt:
        size = len(row) + 1
        joined = np.zeros((size, size))
        joined[0, 1:], joined[1:, 0], joined[1:, 1:] = row, row, d_tt
        nearest = [min(joined[i, j] for j in range(size) if j != i) for i in range(size)]
        found.append(sum(d <= nearest[0] for d in nearest) / size)
    return found


def farther(d_gt: Matrix, d_tt: Matrix) -> float:
    generated = [min(row) for row in d_gt.tolist()]
    training = [min(d for j, d in enumerate(row) if j != i) for i, row in enumerate(d_tt.tolist())]
    wins = sum((g > t) + 0.5 * (g == t) for g in generated for t in training)
    return wins / (len(generated) * len(training))
