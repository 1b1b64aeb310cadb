"""Frechet and kernel distance between two sets of feature vectors.

Both say how far apart two sets are as seen by a network, so they are numbers of that network alone: a result's key
carries the first digits of its weights' hash (`frechet_1a2b3c4d`), and numbers of other networks (FPD, P-FID,
Surface-FPD) are never beside them. Both see what the network sees: what it was trained to ignore costs nothing.

The Frechet distance is biased: sets of one distribution are some way apart, about in proportion to 1/G + 1/R, so it
falls as sets grow and must be compared at equal sizes only. For 200 + 200 shapes of one distribution with 64 equally
varied features it is 0.18 of the variance of all features together, for 1,000 + 1,000 still 0.03.
`frechet_extrapolated` takes that away, to 0.01 from 100 + 100 on; below, where halves have fewer shapes than there are
features, much of it stays (0.28 of 0.68 at 50 + 50). The kernel distance is unbiased at any size, the one to take for
small sets.
"""

import numpy as np
import numpy.typing as npt

from argus3d.blas import one_blas_thread

ROWS = 1024  # of a kernel matrix held at once
REPEATS = 16

Features = npt.NDArray[np.float64]


@one_blas_thread()
def frechet_distance(generated: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Squared distance between the means and between the covariances of two sets, taken for Gaussians.

    generated : (G, D) float, features of one network; G may be less than D
    reference : (R, D) float
    returns : float, 0 or more, lower is better, 0 for equal sets; unit of a feature squared; falls as sets grow
    Raises : ValueError for sets of fewer than two, of different features, or a value that is not finite
    Source : Heusel et al., NeurIPS 2017, eq. 6; Dowson and Landau, J. Multivariate Analysis 1982
    """
    return _frechet(*_both(generated, reference))


@one_blas_thread()
def frechet_extrapolated(generated: npt.ArrayLike, reference: npt.ArrayLike, seed: int = 0) -> float:
    """What the Frechet distance would come to for endless sets, if its bias went exactly with 1/G + 1/R.

    Twice the distance of the whole sets, less the mean distance of halves of them, over `REPEATS` cuts in half.

    generated : (G, D) float; reference : (R, D) float
    seed : decides the cuts
    returns : float, lower is better, 0 in the mean for sets of one distribution, so at times below 0; to be trusted
        where G and R are 1.5 D or more. Copies of the reference come out well below 0
    Raises : ValueError, see `frechet_distance`, and for sets of fewer than four
    Source : Chong and Forsyth, CVPR 2020, with two sizes instead of fifteen
    """
    g, r = _both(generated, reference)
    if min(len(g), len(r)) < 4:
        raise ValueError(f"halves need sets of four or more, got {len(g)} generated and {len(r)} reference")
    rng = np.random.default_rng(seed)
    halves = [
        _frechet(half_g, half_r)
        for _ in range(REPEATS)
        for half_g, half_r in zip(_halves(g, rng), _halves(r, rng), strict=True)
    ]
    return 2 * _frechet(g, r) - float(np.mean(halves))


@one_blas_thread()
def kernel_distance(generated: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """Squared maximum mean discrepancy of the kernel (x . y / D + 1)^3, estimated without bias.

    generated : (G, D) float, features of one network
    reference : (R, D) float
    returns : float, lower is better; 0 in the mean for sets of one distribution, so below 0 in about half of the cases;
        copies of the reference come out below 0 too
    Raises : ValueError, see `frechet_distance`
    Source : Binkowski et al., ICLR 2018, section 4; Gretton et al., JMLR 2012, eq. 3
    """
    g, r = _both(generated, reference)
    return _within(g) + _within(r) - 2 * _kernel_sum(g, r) / (len(g) * len(r))


def _frechet(generated: Features, reference: Features) -> float:
    """|difference of means|^2 + tr(C_g + C_r - 2 (C_g C_r)^(1/2)), C = F^T F.

    The last trace is the sum of the singular values of F_g F_r^T, and the whole of the traces the squared distance
    between F_g and the rotation of F_r that is nearest to it. So nothing is inverted, no root of a matrix is taken,
    sets smaller than D are as good as any, and rounding never leads below 0.
    """
    between = generated.mean(axis=0) - reference.mean(axis=0)
    # With more rows first, the rotation leaves no row of the other out.
    tall, short = sorted((_factor(generated), _factor(reference)), key=len, reverse=True)
    left, _, right = np.linalg.svd(tall @ short.T, full_matrices=False)
    apart = tall - left @ (right @ short)
    return float(between @ between + np.square(apart).sum())


def _factor(features: Features) -> Features:
    """(at most D, D) matrix F, F^T F the covariance with N - 1."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    if len(centred) <= features.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))


def _halves(features: Features, rng: np.random.Generator) -> tuple[Features, Features]:
    order = rng.permutation(len(features))
    middle = len(features) // 2
    return features[order[:middle]], features[order[middle : 2 * middle]]


def _within(features: Features) -> float:
    """Mean kernel of all pairs of different shapes of one set."""
    own = _cubed(np.square(features).sum(axis=1), features.shape[1]).sum()
    return float(_kernel_sum(features, features) - own) / (len(features) * (len(features) - 1))


def _kernel_sum(a: Features, b: Features) -> float:
    return float(sum(_cubed(a[first : first + ROWS] @ b.T, a.shape[1]).sum() for first in range(0, len(a), ROWS)))


def _cubed(products: Features, dimensions: int) -> Features:
    # numpy's power is many times slower than two products.
    base = products / dimensions + 1
    return np.asarray(base * base * base)


def _both(generated: npt.ArrayLike, reference: npt.ArrayLike) -> tuple[Features, Features]:
    g, r = _checked(generated, "generated"), _checked(reference, "reference")
    if g.shape[1] != r.shape[1]:
        raise ValueError(f"generated has {g.shape[1]} features, reference {r.shape[1]}; take both from one network")
    return g, r


def _checked(features: npt.ArrayLike, name: str) -> Features:
    array = np.asarray(features, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{name}: expected features of shape (N, D), got {array.shape}")
    if len(array) < 2:
        raise ValueError(f"{name}: features of {len(array)} shapes have no covariance; give two or more")
    good = np.isfinite(array).all(axis=1)
    if not good.all():
        raise ValueError(f"{name}: features {int(np.argmin(good))} hold a value that is not finite; drop that shape")
    return array
