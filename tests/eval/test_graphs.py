"""The figure of ECD's trees."""

from pathlib import Path

import numpy as np
import pytest

from argus3d.errors import UserError
from eval.cli import main as argus3d_eval
from eval.graphs import read_graphs
from eval.protocol import get_protocol
from eval.report.graph_figure import Graph, graphs_figure, layout
from tests.reference import ecd as slow


def chain(size: int) -> np.ndarray:
    return np.stack([np.arange(size - 1), np.arange(1, size)], axis=1)


def arrays(folder: Path, *shifts: float) -> list[str]:
    """Sets of 12 clouds, each shape a box of other sides, wider by the shift."""
    rng = np.random.default_rng(0)
    names = []
    for number, shift in enumerate(shifts):
        sides = 0.2 + rng.random((12, 1, 3)) * [1, 0.2, 0.2] + [0, shift, shift]
        path = folder / f"set_{number}.npy"
        np.save(path, (rng.random((12, 512, 3)) * sides).astype(np.float32))
        names.append(str(path))
    return names


def test_a_chain_is_laid_out_straight() -> None:
    places = layout(chain(9), 9)
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    assert np.allclose(steps, 1, atol=1e-3)
    assert np.linalg.norm(places[0] - places[8]) == pytest.approx(8, abs=1e-2)


def test_a_layout_is_nearer_to_its_distances_than_its_start_and_the_same_twice() -> None:
    rng = np.random.default_rng(1)
    for size in (4, 20, 60):
        edges = np.array([(rng.integers(0, node), node) for node in range(1, size)])
        places = layout(edges, size)
        assert np.array_equal(layout(edges, size), places)
        neighbours = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
        assert neighbours.min() > 0.2 and neighbours.max() < 2


def test_kinds_tell_which_sets_an_edge_joins() -> None:
    graph = Graph("", np.array([[0, 1], [1, 2], [2, 3]]), 2, 2, 0.0)
    assert graph.kinds.tolist() == [0, 1, 2]


def test_sets_that_lie_apart_have_fewer_edges_between_them(tmp_path: Path) -> None:
    smoke = get_protocol("smoke")
    near, far = read_graphs(arrays(tmp_path, 0.0, 0.6, 0.0), 12, smoke, tmp_path)
    assert (near.generated, near.reference, len(near.edges)) == (12, 12, 23)
    assert (near.kinds == 1).sum() > (far.kinds == 1).sum()
    assert far.ecd > near.ecd


def test_the_statistic_is_that_of_the_reference(tmp_path: Path) -> None:
    for graph in read_graphs(arrays(tmp_path, 0.0, 0.2, 0.0), 6, get_protocol("smoke"), tmp_path):
        edges = [(int(one), int(other)) for one, other in graph.edges]
        assert graph.ecd == pytest.approx(slow.ecd(edges, 6, 6))


def test_the_figure_says_the_statistic_and_is_the_same_twice(tmp_path: Path) -> None:
    graphs = read_graphs(arrays(tmp_path, 0.0, 0.6, 0.0), 10, get_protocol("smoke"), tmp_path)
    once = graphs_figure(graphs, ".svg")
    assert graphs_figure(graphs, ".svg") == once
    for graph in graphs:
        assert f"ECD of this tree {graph.ecd:.1f}" in once.decode()


def test_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "graph.png"
    sets = arrays(tmp_path, 0.0, 0.1)
    assert argus3d_eval(["figure", "--graph", *sets, "--count", "8", "--protocol", "smoke", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_set_alone_or_too_few_shapes_are_refused(tmp_path: Path) -> None:
    sets = arrays(tmp_path, 0.0, 0.1)
    with pytest.raises(ValueError, match="and the reference"):
        read_graphs(sets[:1], 8, get_protocol("smoke"), tmp_path)
    with pytest.raises(UserError, match="13 shapes asked, 12 there"):
        read_graphs(sets, 13, get_protocol("smoke"), tmp_path)
