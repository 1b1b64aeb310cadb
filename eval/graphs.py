"""`argus3d-eval figure --graph`: the first trees of ECD over sets of shapes, as a figure."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval import runs
from eval.clouds import draw, load_clouds, thin
from eval.distances.backends import chamfer_pairs
from eval.distances.sets import Sets
from eval.evaluate import points_of
from eval.figure import GRAPH
from eval.metrics.ecd import edge_count, nested_graphs
from eval.protocol import Protocol
from eval.report.graph_figure import Graph, graphs_figure
from eval.report.style import write_pictures

SKETCHED = 60  # shapes a set: more are not told apart


def main(argv: Sequence[str]) -> int:
    """Grow a tree over each generated set with the reference, and draw them in as many formats as are named."""
    parser = argparse.ArgumentParser(prog="argus3d-eval figure", description="The trees that ECD counts edges of.")
    parser.add_argument(
        GRAPH, nargs="+", required=True, metavar="SOURCE",
        help="generated sets, and last the reference; each a " + runs.SOURCE,
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=SKETCHED, help="shapes of each set (default: %(default)s)")
    parser.add_argument("--out", type=Path, nargs="+", required=True, help="a .png, .svg or .pdf, or several")
    runs.add_protocol(parser)
    arguments = parser.parse_args(argv)
    graphs = read_graphs(arguments.graph, arguments.count, runs.get(arguments), arguments.data_root)
    write_pictures(arguments.out, lambda suffix: graphs_figure(graphs, suffix))
    return 0


def read_graphs(sources: Sequence[str], count: int, protocol: Protocol, data_root: Path) -> list[Graph]:
    """A tree by Chamfer distance for each generated set with the reference.

    sources : generated sets, then the reference
    count : shapes of each set, drawn by hash of their ids; fewer where some have no cloud
    Raises : ValueError for a set alone, UserError for a source that is not there or has fewer shapes
    """
    if len(sources) < 2:
        raise ValueError(f"{GRAPH} takes one generated set or more and the reference")
    loaded = [load_clouds(source, protocol.points, protocol.seed, data_root) for source in sources]
    drawn = [draw(clouds, count, protocol.seed) for clouds in loaded]
    size = min(len(clouds.ids) for clouds in drawn)
    *made, real = [points_of(thin(clouds, size, protocol.seed), clouds.name, protocol) for clouds in drawn]
    graphs = []
    for source, points in zip(sources, made, strict=False):
        pairs = chamfer_pairs(np.concatenate([points, real]), kind=protocol.chamfer)
        (edges,) = nested_graphs(Sets(pairs, size), (1,))
        ecd = edge_count(edges, size, size).value
        graphs.append(Graph(Path(source).name.replace("_", " "), edges, size, size, ecd))
    return graphs
