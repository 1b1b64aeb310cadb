"""Vectors of places: near ones alike, of every layout of tokens."""

import pytest
import torch
from torch.nn import functional as F

from argus3d.model.places import SCALE, grids_of, of_patches, waves


@pytest.mark.parametrize(
    ("tokens", "grids"),
    [(400, (1, 2, 20)), (1024, (1, 2, 32)), (768, (3, 2, 16)), (512, (1, 3, 8)), (64, (1, 2, 8)), (10, (1, 1, 10))],
)
def test_the_number_of_tokens_tells_how_they_lie(tokens: int, grids: tuple[int, int, int]) -> None:
    assert grids_of(tokens) == grids


@pytest.mark.parametrize("tokens", [400, 1024, 768, 512, 10, 1])
@pytest.mark.parametrize("width", [16, 192, 50])
def test_all_places_differ_and_are_as_large_as_other_vectors(tokens: int, width: int) -> None:
    places = waves(tokens, width)
    assert places.shape == (tokens, width) and places.isfinite().all()
    assert 0.5 * SCALE < places.square().mean().sqrt() < 2 * SCALE
    apart = torch.pdist(places)
    assert tokens == 1 or apart.min() > 0.05 * SCALE


def test_the_nearer_two_places_the_more_alike() -> None:
    for axis, step in enumerate((20, 1)):
        places = F.normalize(waves(400, 192), dim=1)
        middle = 10 * 20 + 10
        alike = torch.stack([places[middle] @ places[middle + k * step] for k in range(6)])
        assert (alike.diff() < 0).all(), axis
    nearest = (places @ places.T - 2 * torch.eye(400)).argmax(1) - torch.arange(400)
    assert set(nearest.abs().tolist()) <= {1, 20}


def test_planes_apart_have_the_same_waves_and_a_vector_of_their_own() -> None:
    torch.manual_seed(0)
    one, two, three = waves(768, 64).unflatten(0, (3, 256))
    between = two - one
    torch.testing.assert_close(between, between[:1].expand_as(between))
    assert (three - two).abs().min() > 0


def test_a_patch_lies_where_its_tokens_lie() -> None:
    for tokens in (16, 48):
        places = torch.arange(float(tokens))[:, None]
        grids = places.reshape(-1, 4, 4)
        patches = [grid[r : r + 2, c : c + 2].mean() for grid in grids for r in (0, 2) for c in (0, 2)]
        torch.testing.assert_close(of_patches(places)[:, 0], torch.stack(patches))
