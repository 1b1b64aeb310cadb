"""From one token grid to another through the codebook."""

import pytest
import torch

from argus3d.errors import UserError
from argus3d.interpolate import interpolate_codes
from argus3d.model.autoencoder import ShapeAutoencoder
from tests.argus3d.sizes import AUTOENCODER


def autoencoder() -> ShapeAutoencoder:
    """One whose codes lie on a line, in the order of their tokens."""
    model = ShapeAutoencoder(AUTOENCODER)
    line = torch.arange(AUTOENCODER.codebook_size, dtype=torch.float32)
    model.quantizer.codebook.weight.data = line[:, None].repeat(1, AUTOENCODER.code_dim)
    return model


def test_it_begins_and_ends_at_the_shapes_and_passes_what_lies_between() -> None:
    first = torch.zeros(AUTOENCODER.tokens, dtype=torch.int64)
    last = torch.full_like(first, 8)
    last[0] = 4
    found = interpolate_codes(autoencoder(), first, last, 5)
    assert found.shape == (5, AUTOENCODER.tokens) and found.dtype == torch.int64
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4] and found[:, 1].tolist() == [0, 2, 4, 6, 8]
    assert (found[0] == first).all() and (found[-1] == last).all()


def test_places_that_agree_stay() -> None:
    torch.manual_seed(0)
    first, last = torch.randint(AUTOENCODER.codebook_size, (2, AUTOENCODER.tokens))
    last[:10] = first[:10]
    assert (interpolate_codes(autoencoder(), first, last, 4)[:, :10] == first[:10]).all()


def test_what_is_no_token_grid_is_refused() -> None:
    good = torch.zeros(AUTOENCODER.tokens, dtype=torch.int64)
    model = autoencoder()
    with pytest.raises(UserError, match=rf"\({AUTOENCODER.tokens},\), not \(3,\)"):
        interpolate_codes(model, good, good[:3], 3)
    with pytest.raises(UserError, match="must lie in 0"):
        interpolate_codes(model, good, good + AUTOENCODER.codebook_size, 3)
    with pytest.raises(UserError, match="1 steps lead nowhere"):
        interpolate_codes(model, good, good, 1)
