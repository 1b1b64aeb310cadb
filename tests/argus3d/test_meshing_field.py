import dataclasses

import numpy as np
import pytest
import torch

from argus3d.config import AutoencoderConfig
from argus3d.errors import UserError
from argus3d.meshing import OccupancyField, dense_occupancy, field
from argus3d.meshing.mlp import blocks_of, logits_in_torch
from argus3d.model.autoencoder import ShapeAutoencoder
from tests.argus3d.sizes import AUTOENCODER
from tests.reference.meshing import point_logits, positions

WIDE = dataclasses.replace(AUTOENCODER, decoder_hidden=12, blocks=2)  # a width that has to be padded


def random_autoencoder(config: AutoencoderConfig) -> ShapeAutoencoder:
    torch.manual_seed(3)
    model = ShapeAutoencoder(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.fixture(scope="module")
def autoencoder() -> ShapeAutoencoder:
    return random_autoencoder(AUTOENCODER)


@pytest.fixture(scope="module")
def planes() -> torch.Tensor:
    return torch.randn((3, AUTOENCODER.plane_channels, 16, 16), generator=torch.Generator().manual_seed(1))


def lattice(n: int) -> np.ndarray:
    return np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), 3).reshape(-1, 3)


@pytest.mark.parametrize("config", [AUTOENCODER, WIDE])
@pytest.mark.parametrize("resolution", [12, 33])
def test_the_grid_is_the_decoder_at_every_sample(
    config: AutoencoderConfig, planes: torch.Tensor, resolution: int
) -> None:
    model = random_autoencoder(config)
    expected = point_logits(model, planes, positions(lattice(resolution + 1), resolution))
    values = dense_occupancy(model, planes, resolution).numpy().ravel()
    assert np.abs(values - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_planes_coordinates_and_axes_all_count(autoencoder: ShapeAutoencoder, planes: torch.Tensor) -> None:
    values = dense_occupancy(autoencoder, planes, 6)
    assert values.std(0).min() > 0 and values.std(1).min() > 0 and values.std(2).min() > 0


def test_a_logit_does_not_depend_on_what_is_asked_with_it(
    autoencoder: ShapeAutoencoder, planes: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = np.arange(25**3)
    whole = OccupancyField(autoencoder.decoder, planes, 24).logits(index)
    generator = np.random.default_rng(0)
    monkeypatch.setattr(field, "_CPU_CHUNK", 501)
    for count in (1, 2, 3, 5, 1003):
        some = generator.permutation(index)[:count]
        np.testing.assert_array_equal(OccupancyField(autoencoder.decoder, planes, 24).logits(some), whole[some])


def test_tables_in_slabs_give_the_same_logits(
    autoencoder: ShapeAutoencoder, planes: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = np.random.default_rng(1).permutation(25**3)
    whole = OccupancyField(autoencoder.decoder, planes, 24).logits(index)
    monkeypatch.setattr(field, "_SLAB_BYTES", 2**15)
    assert OccupancyField(autoencoder.decoder, planes, 24)._slab < 24
    np.testing.assert_array_equal(OccupancyField(autoencoder.decoder, planes, 24).logits(index), whole)


def test_torch_and_compiled_arithmetic_agree(autoencoder: ShapeAutoencoder) -> None:
    blocks = blocks_of(autoencoder.decoder)
    shape = (49, *blocks.biases[:, 0].shape)
    tables = tuple(torch.randn(shape, generator=torch.Generator().manual_seed(i)) for i in range(3))
    index = torch.randint(7**3, (301,), generator=torch.Generator().manual_seed(9))
    x, y, z = index // 49, index // 7 % 7, index % 7
    with torch.no_grad():
        expected = logits_in_torch(tables, blocks, 7, index)
        net = torch.zeros(301, shape[2])
        for i, (weights, biases) in enumerate(zip(blocks.weights, blocks.biases, strict=True)):
            net = net + sum(table[row, i] for table, row in zip(tables, (7 * x + z, 7 * x + y, 7 * y + z), strict=True))
            net = net + (net.relu() @ weights[0] + biases[0]).relu() @ weights[1] + biases[1]
        torch.testing.assert_close(expected, net.relu() @ blocks.out + blocks.out_bias)


def test_whole_chunks_on_a_device_give_the_logits_of_the_cpu(
    autoencoder: ShapeAutoencoder, planes: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = np.arange(9**3)
    on_cpu = OccupancyField(autoencoder.decoder, planes, 8).logits(index)
    monkeypatch.setattr(field, "_DEVICE_CHUNK", 100)
    monkeypatch.setattr(OccupancyField, "_on_cpu", OccupancyField._on_device)
    on_device = OccupancyField(autoencoder.decoder, planes, 8)
    whole = on_device.logits(index)
    np.testing.assert_allclose(whole, on_cpu, atol=1e-5 * np.abs(on_cpu).max())
    np.testing.assert_array_equal(on_device.logits(index[311:317]), whole[311:317])


def test_evaluations_are_counted(autoencoder: ShapeAutoencoder, planes: torch.Tensor) -> None:
    grid = OccupancyField(autoencoder.decoder, planes, 8)
    grid.logits(np.arange(10))
    grid.logits(np.arange(7))
    assert grid.evaluated == 17


def test_planes_that_are_not_finite_are_refused(autoencoder: ShapeAutoencoder, planes: torch.Tensor) -> None:
    broken = planes.clone()
    broken[1, 0, 5, 5] = torch.nan
    with pytest.raises(UserError, match="logits that are not finite"):
        dense_occupancy(autoencoder, broken, 8)
