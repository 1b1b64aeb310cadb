"""Nearest points by pytorch3d, which a user brings: it has no wheels for current Python and torch."""

from pytorch3d.ops import knn_points
from torch import Tensor


def minima(a: Tensor, b: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance of each point to the nearest one of the other cloud, for pairs of clouds.

    a, b : (G, P, 3), (R, Q, 3) float32
    rows, columns : (K,) int64, indices into a and b
    returns : from a to b (K, P) float32, from b to a (K, Q) float32

    Not by `pytorch3d.loss.chamfer_distance`, which is these two searches with a float32 mean behind them.
    """
    x, y = a[rows], b[columns]
    return knn_points(x, y, K=1).dists[..., 0], knn_points(y, x, K=1).dists[..., 0]  # norm=2: squared distances
