"""MMD: minimum matching distance."""

import numpy as np
import numpy.typing as npt


def mmd(d_gr: npt.NDArray[np.float64]) -> float:
    """Mean over reference shapes of the distance to the nearest generated shape.

    d_gr : (G, R) float64, generated in rows
    returns : float, 0 or more, unit of the distances, lower is better; falls with G, says little about variety
    Source : Achlioptas et al., ICML 2018
    """
    return float(d_gr.min(axis=0).mean())
