"""Nearest training shapes."""

import numpy as np
import pytest

from eval.clouds import CloudSet
from eval.nearest import nearest_training_shapes


def cloud_set(name: str, categories: tuple[str, ...], seed: int) -> CloudSet:
    clouds = np.random.default_rng(seed).random((len(categories), 64, 3), dtype=np.float32)
    ids = tuple(f"{name}-{index}" for index in range(len(categories)))
    return CloudSet(name, clouds, ids, categories, len(ids))


def test_a_copy_is_found_at_distance_zero_whatever_its_size_and_place() -> None:
    training = cloud_set("train", ("chair", "chair", "lamp"), 0)
    copy = CloudSet("made", training.clouds[1:2] * 3 + 5, ("made-0",), ("chair",), 1)
    found = nearest_training_shapes(copy, [training])["made-0"]
    assert found.id == "train-1" and found.distance == pytest.approx(0, abs=1e-9)
    assert found.p_value == pytest.approx(2 / 3)  # both training chairs are as near to it, the copied one at least


def test_copies_have_small_p_values_and_new_shapes_have_not() -> None:
    training = cloud_set("train", ("chair",) * 60, 0)
    copies = CloudSet("made", training.clouds[:20], tuple("abcdefghijklmnopqrst"), ("chair",) * 20, 20)
    near = nearest_training_shapes(copies, [training])
    assert all(one.p_value == 2 / 61 for one in near.values())  # the copy and what it copied
    new = nearest_training_shapes(cloud_set("made", ("chair",) * 60, 1), [training])
    assert np.mean([one.p_value is not None and one.p_value < 0.1 for one in new.values()]) < 0.3


def test_only_the_same_class_is_searched_in_all_parts() -> None:
    first, second = cloud_set("first", ("lamp",), 0), cloud_set("second", ("chair",), 1)
    made = CloudSet("made", first.clouds, ("made-0",), ("chair",), 1)
    assert nearest_training_shapes(made, [first, second])["made-0"].id == "second-0"


def test_a_class_without_training_shapes_is_left_out() -> None:
    assert nearest_training_shapes(cloud_set("made", ("sofa",), 0), [cloud_set("train", ("lamp",), 1)]) == {}


def test_a_single_training_shape_tells_no_p_value() -> None:
    found = nearest_training_shapes(cloud_set("made", ("lamp",), 0), [cloud_set("train", ("lamp",), 1)])
    assert found["made-0"].id == "train-0" and found["made-0"].p_value is None
