"""What ECD sees: the first spanning tree over generated and reference shapes, its edges by the sets they join."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from eval.report.style import GENERATOR_COLOURS, OTHER_COLOUR, picture, words

STEPS = 300  # of the layout, after which nothing moves that could be seen
ACROSS = 3  # panels beside each other

Edges = npt.NDArray[np.int64]
Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Graph:
    """A spanning tree over generated shapes, which come first, and reference shapes.

    edges : (generated + reference - 1, 2) int64
    ecd : the statistic of this tree alone, nan where undefined
    """

    name: str
    edges: Edges
    generated: int
    reference: int
    ecd: float

    @property
    def kinds(self) -> npt.NDArray[np.int64]:
        """(E,) int64: how many ends of each edge are reference shapes."""
        return (self.edges >= self.generated).sum(axis=1)


def graphs_figure(graphs: Sequence[Graph], suffix: str = ".png") -> bytes:
    """A panel a graph, the same bytes for the same graphs.

    Raises : ValueError for a suffix other than .png, .svg, .pdf
    """
    lines = -(-len(graphs) // ACROSS)
    across = min(len(graphs), ACROSS)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(lines, across, squeeze=False).ravel()
        for panel in panels:
            panel.set_axis_off()
        for panel, graph in zip(panels, graphs, strict=False):
            _panel(panel, graph)
        said = (
            "the shortest tree that joins all shapes, by Chamfer distance; "
            "filled: generated, hollow: reference, black: edges between the two"
        )
        figure.supxlabel(said, fontsize=7, color=OTHER_COLOUR)

    return picture((3.4 * across, 3.6 * lines + 0.2), draw, suffix)


def layout(edges: Edges, size: int) -> Places:
    """Places of a tree's nodes in the plane, as far apart as there are edges on the way from one to the other.

    returns : (size, 2) float64, the same for the same edges
    Source : stress majorisation with weights distance^-2 (Gansner, Koren and North, Graph Drawing 2004)
    """
    edges = edges.astype(np.int32)  # shortest_path of scipy 1.14 takes no wider indices
    steps = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    wanted = shortest_path(steps.tocsr(), directed=False)
    weights = 1 / np.maximum(wanted, 1) ** 2
    np.fill_diagonal(weights, 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    places = _classical(wanted)
    for _ in range(STEPS):
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        pull = -weights * wanted / np.maximum(apart, 1e-9)
        np.fill_diagonal(pull, 0)
        np.fill_diagonal(pull, -pull.sum(axis=1))
        places = inverse @ (pull @ places)
    return places


def _classical(wanted: Places) -> Places:
    """Where scaling by the two largest eigenvalues would put the nodes, each axis with a sign of its own choosing."""
    centred = wanted**2 - (wanted**2).mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(-centred / 2)
    axes = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0))
    return np.asarray(axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1))


def _panel(panel: Axes, graph: Graph) -> None:
    size = graph.generated + graph.reference
    places = layout(graph.edges, size)
    colours = np.array([GENERATOR_COLOURS[0], "#000000", GENERATOR_COLOURS[1]])
    lines = list(places[graph.edges])
    panel.add_collection(LineCollection(lines, colors=colours[graph.kinds], linewidths=1.0, zorder=1))
    made, real = places[: graph.generated], places[graph.generated :]
    panel.scatter(made[:, 0], made[:, 1], s=14, color=GENERATOR_COLOURS[0], zorder=2)
    panel.scatter(real[:, 0], real[:, 1], s=14, facecolor="white", edgecolor=GENERATOR_COLOURS[1], zorder=2)
    panel.set_aspect("equal")
    inside, between, outside = (int((graph.kinds == kind).sum()) for kind in range(3))
    value = "undefined" if np.isnan(graph.ecd) else f"{graph.ecd:.1f}"
    panel.set_title(
        f"{words(graph.name)}: ECD of this tree {value}\n{between} of {len(graph.edges)} edges between the sets, "
        f"{inside} and {outside} within",
        fontsize=7.5,
    )
