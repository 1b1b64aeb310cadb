import copy

import numpy as np
import pytest
import torch
import trimesh
from torch.nn import functional as F

from argus3d.errors import UserError
from argus3d.meshing import PlaneGrid, dense_occupancy, extract_mesh, grid_indices, occupancy_grid
from argus3d.model.autoencoder import ShapeAutoencoder
from tests.argus3d.sizes import AUTOENCODER


def field(cells: int, radius: float = 0.4) -> np.ndarray:
    line = 1.1 * (np.arange(cells + 1) / cells - 0.5)
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    return (60 * (radius - np.sqrt(x**2 + y**2 + z**2))).astype(np.float32)


def as_trimesh(values: np.ndarray, threshold: float = 0.5) -> trimesh.Trimesh:
    mesh = extract_mesh(values, threshold)
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def test_a_ball_comes_back_closed_outward_and_in_place() -> None:
    mesh = as_trimesh(field(40))
    assert mesh.is_watertight and mesh.volume > 0
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4, atol=2e-3)
    assert abs(mesh.volume - 4 / 3 * np.pi * 0.4**3) < 0.005


def test_a_lower_threshold_gives_a_larger_shape() -> None:
    assert as_trimesh(field(24), 0.2).volume > as_trimesh(field(24), 0.5).volume > as_trimesh(field(24), 0.8).volume


def test_what_leaves_the_box_is_capped_there() -> None:
    mesh = as_trimesh(field(24, radius=0.7))
    assert mesh.is_watertight
    np.testing.assert_allclose(np.abs(mesh.vertices).max(), 0.55, atol=1e-5)


def test_axes_stay_in_order() -> None:
    values = np.full((9, 9, 9), -5, np.float32)
    values[2, 4, 7] = 5
    vertices = extract_mesh(values, 0.5).vertices
    np.testing.assert_allclose(vertices.mean(0), 1.1 * (np.array([2, 4, 7]) / 8 - 0.5), atol=1e-5)


def test_nothing_inside_is_an_empty_mesh() -> None:
    assert extract_mesh(np.full((5, 5, 5), -3, np.float32), 0.5).empty


@pytest.fixture(scope="module")
def autoencoder() -> ShapeAutoencoder:
    torch.manual_seed(3)
    model = ShapeAutoencoder(AUTOENCODER).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.fixture(scope="module")
def planes(autoencoder: ShapeAutoencoder) -> torch.Tensor:
    with torch.no_grad():
        return autoencoder.decode(torch.randint(16, (1, 64), generator=torch.Generator().manual_seed(1)))[0]


def test_the_grid_is_the_decoder_at_every_sample(autoencoder: ShapeAutoencoder, planes: torch.Tensor) -> None:
    grid = PlaneGrid(autoencoder, planes, 12)
    index = grid_indices(13, 1, planes.device)
    with torch.no_grad():
        expected = autoencoder.occupancy(planes[None], grid.line[index][None])[0]
    torch.testing.assert_close(dense_occupancy(autoencoder, planes, 12).flatten(), expected, atol=2e-4, rtol=2e-4)


def test_coarse_to_fine_finds_the_dense_surface(autoencoder: ShapeAutoencoder, planes: torch.Tensor) -> None:
    shaped = copy.deepcopy(autoencoder)
    smooth = F.interpolate(planes[:, :, ::5, ::5], (16, 16), mode="bilinear", align_corners=True)
    values = dense_occupancy(shaped, smooth, 48)
    scale = 60 / values.std()  # as steep as trained fields are: most of the box lies far from the threshold
    shaped.decoder.out.weight.data *= scale
    shaped.decoder.out.bias.data = scale * (shaped.decoder.out.bias.data - values.median())
    dense = dense_occupancy(shaped, smooth, 48)
    fine = occupancy_grid(shaped, smooth, 48, 0.5)
    assert 0.3 < (dense > 0).float().mean() < 0.7
    assert ((dense > 0) == (fine > 0)).all()
    assert 0.02 < (fine != dense).float().mean() < 0.98  # some samples were spared


def test_bad_settings_are_refused(autoencoder: ShapeAutoencoder, planes: torch.Tensor) -> None:
    with pytest.raises(UserError, match="resolution 7 must be an even number"):
        occupancy_grid(autoencoder, planes, 7, 0.5)
    with pytest.raises(UserError, match=r"threshold 1\.0 must lie between 0 and 1"):
        occupancy_grid(autoencoder, planes, 8, 1.0)
