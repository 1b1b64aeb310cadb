"""Frechet and kernel distance as their papers write them, by loops."""

import numpy as np
import numpy.typing as npt
from scipy.linalg import sqrtm

Features = npt.NDArray[np.float64]


def covariance(features: Features) -> Features:
    count, size = features.shape
    mean = [sum(features[i, a] for i in range(count)) / count for a in range(size)]
    out = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            for i in range(count):
                out[a, b] += (features[i, a] - mean[a]) * (features[i, b] - mean[b])
    return out / (count - 1)


def frechet(generated: Features, reference: Features) -> float:
    """By the root of the product of covariances; accurate where these have full rank."""
    between = generated.mean(axis=0) - reference.mean(axis=0)
    g, r = covariance(generated), covariance(reference)
    return float(between @ between + np.trace(g) + np.trace(r) - 2 * np.trace(sqrtm(g @ r)).real)


def kernel(x: Features, y: Features) -> float:
    product = 0.0
    for a, b in zip(x, y, strict=True):
        product += a * b
    return float((product / len(x) + 1) ** 3)


def kernel_distance(generated: Features, reference: Features) -> float:
    def within(features: Features) -> float:
        total, pairs = 0.0, 0
        for i in range(len(features)):
            for j in range(len(features)):
                if i != j:
                    total += kernel(features[i], features[j])
                    pairs += 1
        return total / pairs

    between = [kernel(x, y) for x in generated for y in reference]
    return within(generated) + within(reference) - 2 * sum(between) / len(between)
