"""CovT, completion, reconstruction and novelty against loops, their laws, known answers and null expectations."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from eval.distances.chamfer import chamfer
from eval.distances.chamfer_pairs import ChamferPairs
from eval.distances.sets import Sets
from eval.metrics.completion import amd, completeness, distances_to_truth, tmd, uhd
from eval.metrics.coverage import coverage
from eval.metrics.covt import covt, reference_threshold
from eval.metrics.mmd import mmd
from eval.metrics.novelty import compare_novelty
from eval.metrics.reconstruction import cd_l1, f_score, hausdorff, iou, nearest_points, normal_consistency
from tests.reference import more_metrics as loops

Cloud = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
quick = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 10_000)


def sets_of(a: Matrix, b: Matrix) -> Sets:
    return Sets.of_matrices(cdist(a, b), cdist(a, a), cdist(b, b))


@st.composite
def coarse(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    """Two sets on a coarse grid, so that ties and copies are common."""
    rng = np.random.default_rng(draw(seeds))
    cells = draw(st.sampled_from([2, 4, 1000]))
    g, r = draw(st.integers(1, 8)), draw(st.integers(2, 8))
    return rng.integers(0, cells, (g, 2)).astype(float), rng.integers(0, cells, (r, 2)).astype(float)


def cloud_pair(seed: int) -> tuple[Cloud, Cloud]:
    rng = np.random.default_rng(seed)
    p, q = rng.integers(1, 20, 2)
    return rng.random((p, 3), dtype=np.float32), rng.random((q, 3), dtype=np.float32)


def moved(seed: int) -> Callable[[Cloud], Cloud]:
    """A rigid motion."""
    turn = Rotation.from_quat(np.random.default_rng(seed).normal(size=4)).as_matrix()  # uniform
    return lambda clouds: (clouds @ turn.T + np.array([0.3, -0.2, 0.1])).astype(np.float32)


# CovT


@quick
@given(coarse(), st.sampled_from([0.5, 1.0, 1.5, 100.0]))
def test_covt_equals_the_loop_and_never_passes_coverage(sets: tuple[Matrix, Matrix], threshold: float) -> None:
    found = covt(sets_of(*sets), threshold)
    assert found == loops.covt(cdist(*sets), threshold)
    assert 0 <= found <= covt(sets_of(*sets), 2 * threshold) <= coverage(sets_of(*sets))
    assert covt(sets_of(*sets), float("inf")) == coverage(sets_of(*sets))
    assert covt(sets_of(4 * sets[0], 4 * sets[1]), 4 * threshold) == found


def test_covt_takes_strictly_nearer_matches_only() -> None:
    sets = sets_of(np.array([[1.0, 0], [12, 0]]), np.array([[0.0, 0], [10, 0], [50, 0]]))  # at 1 and at 2
    assert [covt(sets, t) for t in (1.0, 1.5, 2.0, 2.5)] == [0, 1 / 3, 1 / 3, 2 / 3]


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_covt_refuses_a_threshold_that_nothing_can_pass(threshold: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        covt(sets_of(np.ones((2, 2)), np.zeros((2, 2))), threshold)


def test_the_threshold_from_references_is_their_mean_distance_to_the_nearest_other() -> None:
    generated, reference = np.array([[100.0]]), np.array([[0.0], [1], [3]])
    assert reference_threshold(sets_of(generated, reference)) == pytest.approx((1 + 1 + 2) / 3)
    with pytest.raises(ValueError, match="two or more"):
        reference_threshold(sets_of(reference, generated))


def test_the_threshold_from_references_is_what_mmd_expects_of_new_draws() -> None:
    ratios = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sets = sets_of(rng.normal(size=(99, 3)), rng.normal(size=(100, 3)))
        ratios.append(mmd(sets) / reference_threshold(sets))
    assert np.mean(ratios) == pytest.approx(1, abs=0.03)


# Completion


def completed(seed: int, inputs: int = 2, copies: int = 3) -> tuple[Cloud, list[Cloud], Cloud]:
    rng = np.random.default_rng(seed)
    partial = [rng.random((rng.integers(1, 12), 3), dtype=np.float32) for _ in range(inputs)]
    completions = rng.random((inputs, copies, 9, 3), dtype=np.float32)
    return completions, partial, rng.random((inputs, 11, 3), dtype=np.float32)


@quick
@given(seeds)
def test_completion_metrics_equal_the_loops(seed: int) -> None:
    completions, partial, truth = completed(seed)
    each = list(zip(completions, partial, strict=True))
    assert tmd(completions) == pytest.approx([loops.tmd(c) for c in completions], rel=1e-5)
    assert uhd(completions, partial) == pytest.approx([loops.uhd(c, p) for c, p in each], rel=1e-12)
    expected = [loops.completeness(c, p, 0.3) for c, p in each]
    assert completeness(completions, partial, 0.3) == pytest.approx(expected, rel=1e-12)
    assert amd(completions, truth) == pytest.approx(
        [loops.amd(c, t) for c, t in zip(completions, truth, strict=True)], rel=1e-5
    )


@quick
@given(seeds)
def test_completion_metrics_ask_no_order_and_no_frame(seed: int) -> None:
    completions, partial, truth = completed(seed)
    rng, move = np.random.default_rng(seed), moved(seed)
    other = move(rng.permutation(rng.permutation(completions, axis=1), axis=2))
    others, other_truth = [move(rng.permutation(points)) for points in partial], move(truth)
    assert tmd(other) == pytest.approx(tmd(completions), rel=1e-4)
    assert uhd(other, others) == pytest.approx(uhd(completions, partial), rel=1e-4)
    assert amd(other, other_truth) == pytest.approx(amd(completions, truth), rel=1e-4)
    assert tmd(2 * completions) == pytest.approx(4 * tmd(completions), rel=1e-5)
    assert tmd(2 * completions, "l2_mean") == pytest.approx(2 * tmd(completions, "l2_mean"), rel=1e-5)
    assert uhd(2 * completions, [2 * p for p in partial]) == pytest.approx(2 * uhd(completions, partial))
    assert (completeness(completions, partial, 0.2) <= completeness(completions, partial, 0.4)).all()


def test_completions_that_hold_the_input_keep_all_of_it() -> None:
    completions, _, _ = completed(0)
    partial = list(completions[:, 0, :4])
    held = np.concatenate([completions, np.stack([np.stack([p] * 3) for p in partial])], axis=2)
    assert uhd(held, partial).tolist() == [0, 0] and completeness(held, partial).tolist() == [1, 1]


def test_tmd_is_as_many_times_the_mean_pair_as_there_are_completions() -> None:
    completions, _, _ = completed(1, inputs=1, copies=10)
    pairs = [chamfer(a, b) for i, a in enumerate(completions[0]) for b in completions[0][:i]]
    assert tmd(completions)[0] == pytest.approx(10 * np.mean(pairs))
    assert tmd(np.repeat(completions[:, :1], 10, axis=1)).tolist() == [0.0]


def test_uhd_and_completeness_of_one_point_by_hand() -> None:
    completions = np.array([[[[0.0, 0, 0]], [[3, 4, 0]]]])  # one input, two completions of one point
    assert uhd(completions, [np.zeros((1, 3))]).tolist() == [2.5]
    assert completeness(completions, [np.zeros((1, 3))], within=5.0).tolist() == [0.5]  # strictly nearer
    assert distances_to_truth(completions, np.zeros((1, 1, 3))).tolist() == [[0.0, 50.0]]
    assert amd(completions, np.zeros((1, 1, 3))).tolist() == [25.0]


def test_uhd_looks_one_way_only() -> None:
    completions, partial, _ = completed(2)
    stray = np.full((2, 3, 1, 3), 100, np.float32)
    assert (uhd(np.concatenate([completions, stray], axis=2), partial) == uhd(completions, partial)).all()


def test_completion_errors_name_the_input_and_the_completion() -> None:
    completions, partial, truth = completed(3)
    broken = completions.copy()
    broken[1, 2, 0, 0] = np.nan
    for measure in (tmd, lambda c: uhd(c, partial), lambda c: completeness(c, partial), lambda c: amd(c, truth)):
        with pytest.raises(ValueError, match="input 1: cloud 2 holds a value that is not finite"):
            measure(broken)
    with pytest.raises(ValueError, match="partial 1: point 0 is not finite"):
        uhd(completions, [partial[0], np.full((1, 3), np.inf)])
    with pytest.raises(ValueError, match="partial 0: expected shape"):
        completeness(completions, [np.empty((0, 3)), partial[1]])
    with pytest.raises(ValueError, match="2 inputs were completed, but 1 partial inputs"):
        uhd(completions, partial[:1])
    with pytest.raises(ValueError, match="2 inputs were completed, but 1 ground truths"):
        amd(completions, truth[:1])
    with pytest.raises(ValueError, match="two or more completions"):
        tmd(completions[:, :1])
    with pytest.raises(ValueError, match=r"\(N, K, P, 3\), got \(3, 9, 3\)"):
        tmd(completions[0])
    with pytest.raises(ValueError, match="empty"):
        uhd(np.empty((2, 3, 0, 3)), partial)
    with pytest.raises(ValueError, match="distance above 0"):
        completeness(completions, partial, 0.0)


# Reconstruction


@quick
@given(seeds)
def test_reconstruction_metrics_equal_the_loops(seed: int) -> None:
    a, b = cloud_pair(seed)
    rng = np.random.default_rng(seed)
    normals_a, normals_b = rng.normal(size=a.shape), rng.normal(size=b.shape)
    assert hausdorff(a, b) == pytest.approx(loops.hausdorff(a, b), rel=1e-12)
    assert cd_l1(a, b) == pytest.approx(loops.cd_l1(a, b), rel=1e-6)
    found = normal_consistency(a, normals_a, b, normals_b)
    assert found == pytest.approx(loops.normal_consistency(a, normals_a, b, normals_b), rel=1e-12)
    assert 0 <= found <= 1


@quick
@given(seeds)
def test_reconstruction_metrics_ask_no_order_and_no_frame(seed: int) -> None:
    a, b = cloud_pair(seed)
    rng, move = np.random.default_rng(seed), moved(seed)
    normals_a, normals_b = rng.normal(size=a.shape), rng.normal(size=b.shape)
    order = rng.permutation(len(a))
    turn = np.array([move(axis) - move(np.zeros(3)) for axis in np.eye(3)])
    assert hausdorff(b, a) == hausdorff(a[order], b) == hausdorff(a, b)
    assert hausdorff(move(a), move(b)) == pytest.approx(hausdorff(a, b), rel=1e-5)
    assert hausdorff(3 * a, 3 * b) == pytest.approx(3 * hausdorff(a, b), rel=1e-6)
    assert cd_l1(3 * a, 3 * b) == pytest.approx(3 * cd_l1(a, b), rel=1e-5)
    assert cd_l1(a, b) <= hausdorff(a, b) * (1 + 1e-6)
    before = normal_consistency(a, normals_a, b, normals_b)
    assert normal_consistency(b, -5 * normals_b, a[order], normals_a[order]) == pytest.approx(before)
    assert normal_consistency(move(a), normals_a @ turn, move(b), normals_b @ turn) == pytest.approx(before, rel=1e-4)


@quick
@given(seeds)
def test_hausdorff_is_a_metric_between_clouds(seed: int) -> None:
    (a, b), (c, _) = cloud_pair(seed), cloud_pair(seed + 1)
    assert hausdorff(a, np.concatenate([a, a])) == 0
    assert hausdorff(a, c) <= hausdorff(a, b) + hausdorff(b, c) + 1e-9


def test_reconstruction_answers_known_by_hand() -> None:
    a, b = np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([[0.0, 0, 0], [1, 0, 0], [1, 2, 0]])
    assert hausdorff(a, b) == 2 and cd_l1(a, b) == pytest.approx(1 / 3)
    assert hausdorff(a[:1], b[2:]) == pytest.approx(5**0.5)  # clouds of one point
    along, across = np.array([[1.0, 0, 0]] * 2), np.array([[0.0, 1, 0]] * 2)
    assert normal_consistency(a, along, a, along) == 1 and normal_consistency(a, along, a, -along) == 1
    assert normal_consistency(a, along, a, across) == 0
    assert normal_consistency(a, along, a, along + across) == pytest.approx(0.5**0.5)


def test_unrelated_normals_reach_one_half() -> None:
    rng = np.random.default_rng(0)
    points, others = rng.random((2, 4000, 3))
    found = normal_consistency(points, rng.normal(size=points.shape), others, rng.normal(size=others.shape))
    assert found == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("measure", [hausdorff, f_score])
def test_reconstruction_errors_name_set_and_point(measure: Callable[[Cloud, Cloud], float]) -> None:
    good, broken = np.zeros((4, 3), np.float32), np.zeros((4, 3), np.float32)
    broken[2, 1] = np.nan
    with pytest.raises(ValueError, match="generated: point 2 is not finite"):
        measure(broken, good)
    with pytest.raises(ValueError, match="reference: point 2 is not finite"):
        measure(good, broken)
    with pytest.raises(ValueError, match=r"reference: expected shape \(P, 3\) with P above 0, got \(0, 3\)"):
        measure(good, good[:0])


def test_iou_of_no_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="got none"):
        iou(np.empty(0, bool), np.empty(0, bool))


def test_normals_that_say_nothing_are_refused() -> None:
    points = np.random.default_rng(0).random((3, 3))
    normals = np.ones((3, 3))
    for bad, words in ((np.diag([1.0, 1, 0]), "point 2 has one of length 0"), (normals * np.nan, "point 0 is not")):
        with pytest.raises(ValueError, match=f"generated normals: {words}"):
            normal_consistency(points, bad, points, normals)
    with pytest.raises(ValueError, match="reference: 3 points but 2 normals"):
        normal_consistency(points, normals, points, normals[:2])


def test_nearest_points_are_the_first_by_distance() -> None:
    a, b = cloud_pair(5)
    distance, index = nearest_points(a, b, "a", "b")
    assert (index == cdist(a, b).argmin(axis=1)).all()
    assert distance == pytest.approx(cdist(a, b).min(axis=1), rel=1e-12)


# Novelty


@quick
@given(coarse())
def test_novelty_comparison_equals_the_loops_with_ties_and_copies(sets: tuple[Matrix, Matrix]) -> None:
    generated, training = sets
    found = compare_novelty(sets_of(*sets))
    there = cdist(*sets)
    assert (found.generated.nearest == there.argmin(axis=1)).all()
    assert (found.generated.distance == there.min(axis=1)).all()
    apart = cdist(training, training) + np.diag([np.inf] * len(training))
    assert (found.training.nearest == apart.argmin(axis=1)).all()
    assert found.p_value == pytest.approx(loops.copy_p_values(cdist(*sets), cdist(training, training)))
    assert found.farther == pytest.approx(loops.farther(cdist(*sets), cdist(training, training)))
    assert (found.p_value >= 2 / (len(training) + 1)).all() and (found.p_value <= 1).all()
    assert found.generated.distance.shape == generated.shape[:1]


def test_novelty_answers_are_those_of_exact_distances_on_bounds() -> None:
    rng = np.random.default_rng(0)
    clouds = rng.random((24, 64, 3), dtype=np.float32)
    clouds[3] = clouds[20]
    pairs = ChamferPairs(clouds)
    whole = Sets(pairs, 10)
    matrix = Sets(pairs, 10).union.matrix()
    found = compare_novelty(whole)
    expected = compare_novelty(Sets.of_matrices(matrix[:10, 10:], matrix[:10, :10], matrix[10:, 10:]))
    assert (found.p_value == expected.p_value).all() and found.farther == expected.farther
    assert found.generated.nearest[3] == 10 and found.generated.distance[3] == 0
    assert found.p_value[3] == 2 / 15


def test_copies_are_told_from_new_draws() -> None:
    rng = np.random.default_rng(1)
    training = rng.normal(size=(100, 3))
    copies = compare_novelty(sets_of(training[:30] + 1e-6, training))
    assert copies.farther == 0 and (copies.p_value == 2 / 101).all()
    far = compare_novelty(sets_of(rng.normal(size=(30, 3)) + 100, training))
    assert far.farther == 1 and (far.p_value == 1).all()


def test_new_draws_get_valid_p_values_and_are_as_far_as_training_shapes() -> None:
    farther, p_values = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = compare_novelty(sets_of(rng.normal(size=(30, 4)), rng.normal(size=(60, 4))))
        farther.append(found.farther)
        p_values.extend(found.p_value)
    assert np.mean(farther) == pytest.approx(0.5, abs=0.03)
    for level in (0.05, 0.1, 0.3, 0.5):
        assert 0.5 * level < np.mean(np.array(p_values) <= level) < level + 0.03


def test_novelty_needs_two_training_shapes() -> None:
    with pytest.raises(ValueError, match="two or more, got one"):
        compare_novelty(sets_of(np.zeros((3, 2)), np.zeros((1, 2))))
