from dataclasses import replace

import numpy as np
import pytest
import torch

from argus3d.config import ArgusConfig
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.model.coordinates import cell_indices, plane_coordinates
from argus3d.model.encoder import PointEncoder, _PoolByCell
from argus3d.model.quantizer import Quantizer
from argus3d.model.unet import UNet
from tests.argus3d.sizes import AUTOENCODER
from tests.reference import model as reference


@pytest.fixture
def model() -> ShapeAutoencoder:
    torch.manual_seed(0)
    return ShapeAutoencoder(AUTOENCODER).eval()


def test_the_released_sizes_count_the_released_parameters() -> None:
    with torch.device("meta"):
        huge = ShapeAutoencoder(ArgusConfig.preset("huge").autoencoder)
    assert sum(p.numel() for p in huge.parameters()) == 7_258_821
    assert len(huge.state_dict()) == 204


def test_shapes_of_every_step(model: ShapeAutoencoder) -> None:
    points, queries = torch.rand(2, 50, 3) - 0.5, torch.rand(2, 30, 3) - 0.5
    tokens = model.encode(points)
    planes = model.decode(tokens)
    assert tokens.shape == (2, 64) and tokens.dtype == torch.int64 and tokens.min() >= 0 and tokens.max() < 16
    assert planes.shape == (2, 3, 4, 16, 16)
    assert model.occupancy(planes, queries).shape == (2, 30)


def test_cells_are_those_of_the_loop_also_outside_the_box() -> None:
    points = (torch.rand(1, 200, 3) - 0.5) * 1.4
    cells = cell_indices(plane_coordinates(points, 0.1), 16)
    for plane in range(3):
        expected = [reference.cell(point, plane, 16, 0.1) for point in points[0].numpy()]
        assert cells[plane, 0].tolist() == expected


def test_pooling_is_the_loop_and_sends_gradients_to_the_maxima() -> None:
    rows = torch.randn(40, 3, requires_grad=True)
    cells = torch.randint(5, (40,))
    pooled = _PoolByCell.apply(rows, cells, 5)
    np.testing.assert_array_equal(pooled.detach(), reference.pool_by_cell(rows.detach().numpy(), cells.tolist()))
    pooled.sum().backward()
    counts = torch.bincount(cells, minlength=5)[cells][:, None]
    expected = (rows == pooled).float() * counts
    torch.testing.assert_close(rows.grad, expected.detach())


def test_the_order_of_the_points_does_not_matter(model: ShapeAutoencoder) -> None:
    points = torch.rand(1, 100, 3) - 0.5
    shuffled = points[:, torch.randperm(100)]
    torch.testing.assert_close(model.codes(points), model.codes(shuffled))


def test_shapes_of_a_batch_do_not_mix(model: ShapeAutoencoder) -> None:
    points = torch.rand(3, 60, 3) - 0.5
    alone = torch.cat([model.codes(row[None]) for row in points])
    torch.testing.assert_close(model.codes(points), alone)


def test_codes_are_the_nearest_and_ties_go_to_the_lowest() -> None:
    quantizer = Quantizer(AUTOENCODER)
    torch.nn.init.normal_(quantizer.codebook.weight)
    quantizer.codebook.weight.data[9] = quantizer.codebook.weight.data[4]
    codes = torch.cat([torch.randn(30, 2), quantizer.codebook.weight.data[9:10]])
    table = quantizer.codebook.weight.detach().double().numpy()
    expected = [reference.nearest_code(code, table) for code in codes.double().numpy()]
    assert quantizer.nearest(codes).tolist() == expected
    assert expected[-1] == 4


def test_plane_samples_are_bilinear_with_corners_aligned(model: ShapeAutoencoder) -> None:
    planes, queries = torch.randn(1, 3, 4, 16, 16), (torch.rand(1, 20, 3) - 0.5) * 1.3
    found = model.decoder.sample_planes(planes, queries)[0].detach().numpy()
    unit = plane_coordinates(queries[0], 0.1).double().numpy()
    for index, place in enumerate(unit):
        parts = [
            reference.bilinear(planes[0, plane].double().numpy(), 15 * place[first], 15 * place[second])
            for plane, (first, second) in enumerate(reference.PLANES)
        ]
        np.testing.assert_allclose(found[index], np.sum(parts, axis=0), atol=1e-5)


def test_forward_is_decode_of_encode_with_gradients_through_the_quantiser(model: ShapeAutoencoder) -> None:
    points, queries = torch.rand(2, 50, 3) - 0.5, torch.rand(2, 30, 3) - 0.5
    logits, losses = model(points, queries)
    torch.testing.assert_close(logits, model.occupancy(model.decode(model.encode(points)), queries))
    (logits.mean() + model.quantization_loss(losses)).backward()
    assert model.encoder.point_in.weight.grad.abs().sum() > 0
    # Numerically both terms are one mean squared error, so that the released loss is 1.4 times it.
    torch.testing.assert_close(model.quantization_loss(losses), 1.4 * losses.commitment)


def test_the_unet_keeps_its_size() -> None:
    assert UNet(3, 5, 3, 4)(torch.rand(2, 3, 16, 16)).shape == (2, 5, 16, 16)


def test_local_coordinates_tell_where_in_its_cell_a_point_lies() -> None:
    encoder = PointEncoder(replace(AUTOENCODER, local_coordinates=True))
    assert encoder.point_in.in_features == 6
    resolution, side = AUTOENCODER.plane_resolution, 1 + AUTOENCODER.padding
    for column in range(resolution):
        for place in (-0.9, 0.0, 0.8):
            x = ((column + (place + 1) / 2) / resolution - 0.5) * side
            row = encoder._coordinates(torch.tensor([[[x, 0.0, x]]]))[0, 0]
            torch.testing.assert_close(row[[0, 2, 3, 5]], torch.tensor([x, x, place, place]), atol=2e-3, rtol=0)
    plain = PointEncoder(AUTOENCODER)
    points = torch.rand(2, 5, 3)
    assert torch.equal(plain._coordinates(points), points)


def test_signals_keep_their_size_and_no_unit_is_dead_at_the_start() -> None:
    torch.manual_seed(0)
    model = ShapeAutoencoder(replace(ArgusConfig.preset("nano").autoencoder, points=2048))
    powers, dead = {}, {}

    def watch(name: str, module: torch.nn.Module) -> None:
        def note(_: torch.nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            units = output.transpose(0, 1).flatten(1)
            powers[name], dead[name] = units.square().mean().item(), (units.amax(1) <= 0).float().mean().item()

        module.register_forward_hook(note)

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            watch(name, module)
    with torch.no_grad():
        planes = model.encoder(torch.rand(2, 2048, 3) - 0.5)
        model.uncoupler(model.coupler(planes))
    coupler = [power for name, power in powers.items() if name.startswith("coupler")]
    uncoupler = [power for name, power in powers.items() if name.startswith("uncoupler")]
    assert coupler[-1] > 0.03 * planes.square().mean() and uncoupler[-1] > 0.03 * coupler[-1]
    assert max(dead.values()) < 0.25
