"""A codebook that stays in use."""

import numpy as np
import pytest
import torch

from argus3d.model.quantizer import Quantizer
from argus3d.train.codebook import CodebookAverage
from tests.argus3d.sizes import AUTOENCODER


@pytest.fixture
def average() -> CodebookAverage:
    quantizer = Quantizer(AUTOENCODER)
    quantizer.codebook.weight.requires_grad_(False)
    return CodebookAverage(quantizer, 0.5)


def test_the_codebook_stays_in_use(average: CodebookAverage) -> None:
    quantizer, generator = average.quantizer, torch.Generator().manual_seed(0)
    latents = torch.randn(500, 2, generator=generator)
    average.start(latents, generator)
    assert len(quantizer.nearest(latents).unique()) == 16 and average.restarts == 0
    with torch.no_grad():  # fifteen codes that nobody takes
        quantizer.codebook.weight[:15] = 50.0
        average.total[:15] = 50.0
    moved = 0
    for _ in range(12):
        average.update(latents, quantizer.nearest(latents))
        moved += average.restart(latents, generator)
    assert len(quantizer.nearest(latents).unique()) > 12
    assert average.restarts == moved >= 15


def test_codes_move_to_the_mean_of_their_latents(average: CodebookAverage) -> None:
    latents = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    for _ in range(40):
        average.update(latents, torch.tensor([2, 2]))
    torch.testing.assert_close(average.quantizer.codebook.weight[2], torch.tensor([2.0, 0.0]))


def test_perplexity_counts_the_codes_in_use(average: CodebookAverage) -> None:
    assert average.perplexity() == pytest.approx(16)  # it begins with all alike
    average.count.zero_()
    average.count[:4] = 3.0
    assert average.perplexity() == pytest.approx(4)
    average.count[4:6] = torch.tensor([1.0, 0.5])
    share = np.array([3, 3, 3, 3, 1, 0.5]) / 13.5
    assert average.perplexity() == pytest.approx(np.exp(-(share * np.log(share)).sum()))


def test_its_state_comes_back(average: CodebookAverage) -> None:
    generator = torch.Generator().manual_seed(0)
    average.start(torch.randn(40, 2, generator=generator), generator)
    average.restarts = 7
    other = CodebookAverage(Quantizer(AUTOENCODER), 0.5)
    other.load_state_dict(average.state_dict())
    assert torch.equal(other.total, average.total) and torch.equal(other.count, average.count) and other.restarts == 7
    state = average.state_dict()
    del state["restarts"]  # as states were before restarts were counted
    other.load_state_dict(state)
    assert other.restarts == 0
