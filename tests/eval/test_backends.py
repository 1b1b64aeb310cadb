"""Chamfer distances by other backends are those of the CPU's kernel; what cannot be used is said in a sentence.

Without a GPU and without pytorch3d the parts that all devices share run on the CPU, on a stand-in for
`pytorch3d.ops.knn_points` that keeps to its documented contract. Triton's kernel: test_triton.py.
"""

import importlib
import json
import math
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from argus3d.errors import UserError
from benchmarks import gpu, gpu_metrics, peers
from benchmarks.shapes import procedural
from eval.distances import backends
from eval.distances.backends import BACKENDS, chamfer_matrix, chamfer_pairs, described, resolve
from eval.distances.backends.device import row_sums
from eval.distances.chamfer import KINDS
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.neighbours import Indices, Neighbours, Values
from eval.distances.sets import Sets
from eval.metrics.one_nna import one_nna

Clouds = npt.NDArray[np.float32]
quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 10_000)


def clouds(seed: int, size: int, points: int, cells: int = 0) -> Clouds:
    """Thin boxes of many shapes; on a coarse grid, if cells are given, with copies of the first at both ends."""
    rng = np.random.default_rng(seed)
    out = rng.uniform(-0.5, 0.5, (size, points, 3)) * rng.uniform(0.02, 1, (size, 1, 3))
    if cells:
        out = np.round(out * cells) / cells
        out[-1] = out[0]
    return out.astype(np.float32)


def knn_points(p1: Tensor, p2: Tensor, K: int = 1) -> SimpleNamespace:
    """As documented: dists (N, P1, K) squared, nearest first, of float32 clouds (N, P1, 3) and (N, P2, 3)."""
    squared = (p1[:, :, None] - p2[:, None]).square().sum(dim=3)
    dists, idx = squared.topk(K, dim=2, largest=False)
    return SimpleNamespace(dists=dists, idx=idx, knn=None)


@pytest.fixture(scope="module")
def pytorch3d() -> Iterator[str]:
    """The backend, with the stand-in where the package is missing."""
    if importlib.util.find_spec("pytorch3d") is not None:
        yield "pytorch3d"
        return
    package, ops = ModuleType("pytorch3d"), ModuleType("pytorch3d.ops")
    ops.knn_points = knn_points  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pytorch3d", package)
        patch.setitem(sys.modules, "pytorch3d.ops", ops)
        yield "pytorch3d"
        sys.modules.pop("eval.distances.backends.with_pytorch3d", None)


@quick
@given(
    seeds, st.sampled_from([1, 2, 30, 65]), st.sampled_from([1, 40]), st.sampled_from(KINDS), st.sampled_from([0, 4])
)
def test_values_are_the_cpus(pytorch3d: str, seed: int, p: int, q: int, kind: str, cells: int) -> None:
    a, b = clouds(seed, 4, p, cells), clouds(seed + 1, 3, q, cells)
    b[0] = a[1, np.arange(q) % p]
    found = chamfer_matrix(a, b, kind, backend=pytorch3d)
    assert found == pytest.approx(chamfer_matrix(a, b, kind), rel=1e-6, abs=0)
    assert (found == chamfer_matrix(b, a, kind, backend=pytorch3d).T).all()
    own = chamfer_matrix(a, a, kind, backend=pytorch3d)
    assert (np.diag(own) == 0).all() and (own == own.T).all()


@quick
@given(seeds, st.sampled_from(KINDS), st.sampled_from([0, 1, 8]), st.sampled_from([3, 60]))
def test_bounds_hold_for_the_devices_values(pytorch3d: str, seed: int, kind: str, cells: int, points: int) -> None:
    a, b = clouds(seed, 5, points, cells), clouds(seed + 1, 4, points + 1, cells)
    pairs, cpu = chamfer_pairs(a, b, kind, backend=pytorch3d), chamfer_pairs(a, b, kind)
    rows, columns = np.mgrid[:5, :4].reshape(2, -1)
    exact, (lower, upper) = pairs.exact(rows, columns), pairs.bounds(rows, columns)
    assert (lower <= exact).all() and (exact <= upper).all()
    for mine, its in zip((lower, upper), cpu.bounds(rows, columns), strict=True):
        assert mine == pytest.approx(its, rel=1e-4, abs=1e-6 * float(upper.max()))
    some = np.array([7, 2, 19, 7])
    assert (pairs.exact(rows[some], columns[some]) == exact[some]).all(), "a pair's bits depend on its company"


@quick
@given(seeds, st.sampled_from(KINDS), st.sampled_from([0, 2, 16]))
def test_neighbours_are_the_cpus_also_of_duplicates(pytorch3d: str, seed: int, kind: str, cells: int) -> None:
    # Grids of powers of two make every squared distance exact, so that all that ties does so on every device.
    a, b = clouds(seed, 9, 40, cells), clouds(seed + 1, 6, 40, cells)
    between, theirs = (Neighbours(chamfer_pairs(a, b, kind, backend=name)) for name in (pytorch3d, "numba"))
    for axis in (0, 1):
        assert (between.nearest(axis)[0] == theirs.nearest(axis)[0]).all()
    own, theirs = (Neighbours(chamfer_pairs(a, kind=kind, backend=name)) for name in (pytorch3d, "numba"))
    assert (own.k_nearest(3)[0] == theirs.k_nearest(3)[0]).all()
    if cells:
        matrix = own.matrix()
        assert matrix[0, -1] == 0 and (matrix[0, 1:-1] == matrix[-1, 1:-1]).all()


def test_shapes_have_the_cpus_neighbours_and_metrics(pytorch3d: str) -> None:
    shapes = procedural(40, 300)
    ours, theirs = (Sets(chamfer_pairs(shapes, backend=name), 20) for name in (pytorch3d, "numba"))
    assert (ours.union.nearest()[0] == theirs.union.nearest()[0]).all()
    assert (ours.union.spanning_trees(2)[0] == theirs.union.spanning_trees(2)[0]).all()
    assert one_nna(ours) == one_nna(theirs)
    assert ours.union.solved < 40 * 39 // 2, "bounds settle nothing"


def test_the_device_solves_what_a_device_is_asked_for(pytorch3d: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    exact = backends.device.Distances.exact

    def noted(self: backends.device.Distances, rows: Indices, columns: Indices) -> Values:
        asked.append(len(rows))
        return exact(self, rows, columns)

    monkeypatch.setattr(backends.device.Distances, "exact", noted)
    a = clouds(0, 20, 30)
    a[1:18] = a[0]  # more than enough copies for their distances to be solved at once
    union = Neighbours(chamfer_pairs(a, backend=pytorch3d))
    matrix = union.matrix()
    assert 0 < sum(asked) < 20, "a copy is solved again"
    assert (matrix[:18, 18] == matrix[0, 18]).all() and (matrix[:18, :18] == 0).all()


def test_long_lists_are_cut_without_a_trace(pytorch3d: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = clouds(0, 6, 50), clouds(1, 5, 70)
    whole = chamfer_matrix(a, b, backend=pytorch3d)
    monkeypatch.setattr(backends.device, "SCRATCH", 3 * 48 * 120)  # a few pairs
    monkeypatch.setattr(backends.device, "PAIRS", 7)  # a row
    assert (chamfer_matrix(a, b, backend=pytorch3d) == whole).all()
    none = np.empty(0, np.int64)
    assert chamfer_pairs(a, b, backend=pytorch3d).exact(none, none).shape == (0,)


@quick
@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=70))
def test_row_sums_are_sums(values: list[float]) -> None:
    rows = torch.tensor([values, values[::-1]], dtype=torch.float32)
    assert row_sums(rows, False).tolist() == pytest.approx([math.fsum(values)] * 2, rel=1e-14)
    assert row_sums(rows, True).tolist() == pytest.approx([math.fsum(map(math.sqrt, values))] * 2, rel=1e-14)
    assert row_sums(rows[:1], True) == row_sums(rows, True)[0]


def test_the_cpu_has_numba_by_default() -> None:
    a, b = clouds(0, 4, 30), clouds(1, 3, 30)
    assert resolve() == "numba" and isinstance(chamfer_pairs(a, b), ChamferPairs)
    assert (chamfer_matrix(a, b) == Neighbours(chamfer_pairs(a, b)).matrix()).all()
    assert described()["backend"].startswith("numba ") and described()["device"] == "cpu"


def test_a_stand_in_is_described_as_what_it_is(pytorch3d: str) -> None:
    assert described(backend=pytorch3d)["backend"].startswith("pytorch3d ")


@pytest.mark.parametrize(
    ("device", "backend", "words"),
    [
        ("cpu", "keops", "'keops' is no backend; choose one of numba, triton, pytorch3d"),
        ("gpu", None, "'gpu' is no device"),
        ("meta", None, "not computed on 'meta'"),
        ("cpu", "triton", "triton needs a GPU: say --device cuda"),
    ],
)
def test_what_cannot_be_is_refused(
    device: str, backend: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(UserError, match=words):
        chamfer_pairs(clouds(0, 2, 5), device=device, backend=backend)


@pytest.mark.parametrize("backend", [None, *BACKENDS])
def test_a_gpu_that_is_not_there_is_no_reason_to_use_the_cpu(
    backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for build, words in ((None, "CPU build"), ("13.0", "finds no card")):
        monkeypatch.setattr(torch.version, "cuda", build)
        with pytest.raises(UserError, match=f"'cuda' needs a GPU, but .*{words}"):
            chamfer_matrix(clouds(0, 2, 5), clouds(1, 2, 5), device="cuda", backend=backend)


def test_gpus_are_counted_and_numba_stays_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="'cuda:1' is not there: torch finds 1"):
        resolve("cuda:1")
    with pytest.raises(UserError, match="numba computes on the CPU"):
        resolve("cuda:0", "numba")


@pytest.mark.parametrize(("backend", "module"), [("triton", "triton"), ("pytorch3d", "pytorch3d.ops")])
def test_packages_that_are_missing_are_named(backend: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"the backend {backend} cannot be imported"):
        resolve("cpu", backend)


def test_bad_clouds_are_named(pytorch3d: str) -> None:
    a = clouds(0, 3, 5)
    a[1, 2] = np.nan
    with pytest.raises(ValueError, match="generated: cloud 1 holds a value that is not finite"):
        chamfer_pairs(a, backend=pytorch3d)
    with pytest.raises(ValueError, match="reference: empty"):
        chamfer_matrix(clouds(0, 3, 5), np.empty((0, 5, 3)), backend=pytorch3d)


def test_the_benchmark_runs_through_and_judges_its_targets() -> None:
    report = {"chamfer": gpu_metrics.measure(torch.device("cpu"), procedural(48, 64), 12, 2, 1e18)}
    json.dumps(report, allow_nan=False)
    assert report["chamfer"]["same_neighbours_as_cpu"] and set(report["chamfer"]["set_metrics"]["values"]) >= {
        "one_nna"
    }
    times, share = gpu.against_targets(report, gpu_metrics.TARGETS)
    assert times["measured"] > 0 and times["at_least"] == 25
    assert not share["met"], "no computer does that many operations"


def test_the_benchmarks_peer_is_the_common_one() -> None:
    a, b = clouds(0, 3, 20), clouds(1, 35, 20)  # more than a batch
    found = peers.chamfer_by_products_on_device(torch.tensor(a), torch.tensor(b))
    assert found.numpy() == pytest.approx(chamfer_matrix(a, b), rel=1e-4, abs=1e-6)


def test_the_benchmark_stops_where_answers_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="off by"):
        gpu_metrics._from_cpu(np.array([1.0, 1e-30]), np.array([1.0, 0.0]))
    turned = iter([clouds(0, 6, 10), clouds(0, 6, 10)[::-1]])
    monkeypatch.setattr(gpu_metrics, "chamfer_pairs", lambda clouds, device="": chamfer_pairs(next(turned)))
    with pytest.raises(RuntimeError, match="other nearest clouds"):
        gpu_metrics._same_neighbours(clouds(0, 6, 10), "cpu")


def test_the_limit_is_that_of_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(multi_processor_count=132, major=9, minor=0, uuid="x")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(gpu_metrics.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="1980\n"))
    assert gpu_metrics.float32_limit(torch.device("cuda")) == pytest.approx(66.9e12, rel=1e-3)


@pytest.mark.skipif(importlib.util.find_spec("pytorch3d") is None, reason="pytorch3d is not installed here")
def test_the_real_pytorch3d_agrees() -> None:
    shapes = procedural(8, 500)
    found = chamfer_matrix(shapes[:4], shapes[4:], backend="pytorch3d")
    assert found == pytest.approx(chamfer_matrix(shapes[:4], shapes[4:]), rel=1e-5)
    assert (np.diag(chamfer_matrix(shapes, shapes, backend="pytorch3d")) == 0).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_agrees(kind: str) -> None:
    shapes = procedural(60, 2048)
    shapes[-1] = shapes[0]
    found, exact = (chamfer_matrix(shapes[:20], shapes, kind, device=device) for device in ("cuda", "cpu"))
    assert found == pytest.approx(exact, rel=1e-5, abs=0)
    assert (found[:, 0] == found[:, -1]).all() and found[0, -1] == 0
    assert (found == chamfer_matrix(shapes, shapes[:20], kind, device="cuda").T).all()
    ours, theirs = (Neighbours(chamfer_pairs(shapes, kind=kind, device=device)) for device in ("cuda", "cpu"))
    assert (ours.k_nearest(5)[0] == theirs.k_nearest(5)[0]).all()
    assert (ours.spanning_trees(3)[0] == theirs.spanning_trees(3)[0]).all()
