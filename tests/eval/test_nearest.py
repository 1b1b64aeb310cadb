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
    assert found["id"] == "train-1"
    assert found["distance"] == pytest.approx(0, abs=1e-9)


def test_only_the_same_class_is_searched_in_all_parts() -> None:
    first, second = cloud_set("first", ("lamp",), 0), cloud_set("second", ("chair",), 1)
    made = CloudSet("made", first.clouds, ("made-0",), ("chair",), 1)
    assert nearest_training_shapes(made, [first, second])["made-0"]["id"] == "second-0"


def test_a_class_without_training_shapes_is_left_out() -> None:
    assert nearest_training_shapes(cloud_set("made", ("sofa",), 0), [cloud_set("train", ("lamp",), 1)]) == {}
