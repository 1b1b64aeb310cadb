"""The Triton kernel on the CPU, in Triton's interpreter: what test_triton.py runs in a process of its own.

TRITON_INTERPRET=1 python -m pytest tests/eval/triton_in_interpreter.py
"""

import numpy as np
import pytest
import torch

from benchmarks.shapes import procedural
from eval.distances.backends import chamfer_matrix, chamfer_pairs, described
from eval.distances.chamfer import KINDS
from eval.distances.kernels import triton_chamfer
from eval.distances.neighbours import Neighbours
from tests.eval.test_backends import clouds


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("p", "q"), [(1, 1), (5, 33), (40, 3)])
def test_values_are_the_cpus(kind: str, p: int, q: int) -> None:
    a, b = clouds(p, 3, p), clouds(q + 1, 2, q)
    b[0] = a[1, np.arange(q) % p]
    found = chamfer_matrix(a, b, kind, backend="triton")
    assert found == pytest.approx(chamfer_matrix(a, b, kind), rel=1e-6, abs=0)
    assert (found == chamfer_matrix(b, a, kind, backend="triton").T).all()


@pytest.mark.parametrize(("p", "q"), [(7, 1100), (1100, 7), (8, 512), (9, 513)])
def test_minima_are_exact_over_several_tiles(p: int, q: int) -> None:
    a, b = torch.rand(2, p, 3), torch.rand(3, q, 3)
    b[2, -1] = a[1, -1]  # the last of both, where tiles end
    rows, columns = torch.tensor([1, 0, 1]), torch.tensor([2, 1, 0])
    there, back = triton_chamfer.minima(triton_chamfer.padded(a), triton_chamfer.padded(b), (p, q), rows, columns)
    squared = (a[rows][:, :, None].double() - b[columns][:, None].double()).square().sum(dim=3)
    assert there.shape == (3, p) and back.shape == (3, q)
    torch.testing.assert_close(there.double(), squared.amin(2), rtol=1e-6, atol=0)
    torch.testing.assert_close(back.double(), squared.amin(1), rtol=1e-6, atol=0)
    assert there[0, -1] == 0 and back[0, -1] == 0


def test_copies_are_at_zero_far_from_the_origin_too() -> None:
    a = clouds(0, 3, 20) + np.float32(1000)
    a[2] = a[0, ::-1]
    found = chamfer_matrix(a, a, backend="triton")
    assert (np.diag(found) == 0).all() and found[0, 2] == 0 and (found == found.T).all()
    assert found == pytest.approx(chamfer_matrix(a, a), rel=1e-6, abs=0)


@pytest.mark.parametrize("cells", [0, 2])
def test_neighbours_are_the_cpus_also_of_duplicates(cells: int) -> None:
    a = clouds(3, 8, 12, cells)
    ours, theirs = (Neighbours(chamfer_pairs(a, backend=name)) for name in ("triton", "numba"))
    assert (ours.k_nearest(2)[0] == theirs.k_nearest(2)[0]).all()
    assert (ours.spanning_trees(2)[0] == theirs.spanning_trees(2)[0]).all()
    matrix = ours.matrix()
    assert cells == 0 or (matrix[0, -1] == 0 and (matrix[0, 1:-1] == matrix[-1, 1:-1]).all())


def test_shapes_have_the_cpus_neighbours() -> None:
    shapes = procedural(10, 100)
    ours, theirs = (Neighbours(chamfer_pairs(shapes[:5], shapes[5:], backend=name)) for name in ("triton", "numba"))
    for axis in (0, 1):
        assert (ours.nearest(axis)[0] == theirs.nearest(axis)[0]).all()


def test_results_can_say_what_computed() -> None:
    assert described(backend="triton")["backend"].startswith("triton 3")
