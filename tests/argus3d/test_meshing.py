import copy
import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from argus3d.errors import UserError
from argus3d.meshing import (
    check_resolution,
    dense_occupancy,
    extract_mesh,
    logit,
    mesh_of_planes,
    meshes_of_tokens,
    occupancy_grid,
    shapes,
)
from argus3d.model.autoencoder import ShapeAutoencoder
from argus3d.threads import one_thread
from tests.argus3d.fields import ball, gyroid, pass_through
from tests.argus3d.sizes import AUTOENCODER
from tests.reference.meshing import adaptive_occupancy, point_logits, released_mesh

SHARP = dataclasses.replace(AUTOENCODER, plane_resolution=64)


@pytest.fixture(scope="module")
def autoencoder() -> ShapeAutoencoder:
    """Random weights, with logits as steep as trained ones and about half of the box inside."""
    torch.manual_seed(3)
    model = ShapeAutoencoder(AUTOENCODER).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    with torch.no_grad():
        values = dense_occupancy(model, model.decode(tokens(1))[0], 32)
        scale = float(20 / values.std())
        model.decoder.out.weight *= scale
        model.decoder.out.bias.copy_(scale * (model.decoder.out.bias - values.median()))
    return model


def tokens(count: int) -> torch.Tensor:
    return torch.randint(16, (count, AUTOENCODER.tokens), generator=torch.Generator().manual_seed(1))


def test_the_surface_is_the_released_one_where_that_saw_it() -> None:
    model, planes = pass_through(SHARP), ball(0.4).planes(SHARP)
    mesh = mesh_of_planes(model, planes, 128, 0.2)
    vertices, faces = released_mesh(model, planes, logit(0.2))
    assert len(mesh.vertices) == len(vertices) and len(mesh.faces) == len(faces)
    for here, there in ((mesh.vertices, vertices), (vertices, mesh.vertices)):
        distance, _ = KDTree(there).query(here)
        assert distance.max() < 1e-5


def test_adaptive_and_dense_grids_have_the_same_signs_near_a_surface() -> None:
    model, planes = pass_through(SHARP), gyroid(1).planes(SHARP)
    values, evaluations = adaptive_occupancy(lambda p: point_logits(model, planes, p), 0.0, coarse=16, rounds=2)
    dense = dense_occupancy(model, planes, 64).numpy()
    assert ((values > 0) == (dense > 0)).mean() > 0.999
    assert 17**3 < evaluations < 65**3


def test_the_grid_near_the_surface_is_exact_and_elsewhere_on_its_side(autoencoder: ShapeAutoencoder) -> None:
    with torch.no_grad():
        planes = autoencoder.decode(tokens(1))[0]
    dense, fine = (
        grid.numpy()
        for grid in (dense_occupancy(autoencoder, planes, 64), occupancy_grid(autoencoder, planes, 64, 0.4))
    )
    iso = logit(0.4)
    crossed = np.zeros(dense.shape, bool)
    for axis in range(3):
        change = np.diff(dense > iso, axis=axis)
        pad = [(0, 0)] * 3
        for pad[axis] in ((0, 1), (1, 0)):
            crossed |= np.pad(change, pad)
    assert 0.02 < crossed.mean() < 0.9
    seen = (fine == dense)[crossed].mean()
    assert seen > 0.999
    assert (fine > iso)[~crossed].mean() == pytest.approx((dense > iso)[~crossed].mean(), abs=1e-3)


def test_several_shapes_at_once_are_each_as_if_alone(
    autoencoder: ShapeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    grids = tokens(5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    together = list(meshes_of_tokens(autoencoder, grids, 24, 0.4))
    assert len(together) == 5
    for mesh, row in zip(together, grids, strict=True):
        with torch.no_grad(), one_thread():
            alone = mesh_of_planes(autoencoder, autoencoder.decode(row[None])[0], 24, 0.4)
        assert len(alone.faces) > 100
        assert mesh.vertices.tobytes() == alone.vertices.tobytes() and mesh.faces.tobytes() == alone.faces.tobytes()


@pytest.mark.parametrize("room", [1, 2 * 4 * 25**3, 2**31])
def test_no_more_grids_wait_than_memory_allows(
    autoencoder: ShapeAutoencoder, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    alive, most = 0, 0
    evaluate = shapes.occupancy_of_field

    def counted(*arguments: object) -> np.ndarray:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)
        return evaluate(*arguments)  # type: ignore[arg-type]

    def extracted(*arguments: object) -> object:
        nonlocal alive
        mesh = extract_mesh(*arguments)  # type: ignore[arg-type]
        alive -= 1
        return mesh

    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(shapes, "_BYTES_IN_FLIGHT", room)
    monkeypatch.setattr(shapes, "occupancy_of_field", counted)
    monkeypatch.setattr(shapes, "extract_mesh", extracted)
    assert len(list(meshes_of_tokens(autoencoder, tokens(6), 24, 0.4))) == 6
    assert most <= max(1, min(4, room // (4 * 25**3))) and alive == 0


def test_shapes_come_before_the_last_one_is_begun(
    autoencoder: ShapeAutoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    meshes = meshes_of_tokens(autoencoder, tokens(50)[:, :], 8, 0.4)
    next(meshes)
    meshes.close()  # type: ignore[attr-defined]
    with pytest.raises(StopIteration):
        next(meshes)


def test_an_empty_shape_is_an_empty_mesh(autoencoder: ShapeAutoencoder) -> None:
    nothing = copy.deepcopy(autoencoder)
    nothing.decoder.out.bias.data -= 1e4
    meshes = list(meshes_of_tokens(nothing, tokens(2), 64, 0.4))
    assert [mesh.empty for mesh in meshes] == [True, True]


def test_no_tokens_give_no_meshes(autoencoder: ShapeAutoencoder) -> None:
    assert list(meshes_of_tokens(autoencoder, tokens(0), 8, 0.4)) == []


@pytest.mark.parametrize("resolution", [4, 5, 63, 64, 65, 127, 130])
def test_any_resolution_gives_a_closed_ball(resolution: int) -> None:
    mesh = mesh_of_planes(pass_through(SHARP), ball(0.4).planes(SHARP), resolution, 0.5)
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    _, counts = np.unique(np.sort(edges, 1), axis=0, return_counts=True)
    assert (counts == 2).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.4, atol=0.3 / resolution)


@pytest.mark.parametrize("resolution", [0, -8, 3, 64.0, "64", True, float("nan"), None])
def test_a_resolution_that_is_none_is_refused(resolution: int) -> None:
    with pytest.raises(UserError, match="must be a whole number of cells from 4 to 1024"):
        check_resolution(resolution)


def test_a_resolution_that_no_memory_holds_is_refused_with_what_it_would_need(autoencoder: ShapeAutoencoder) -> None:
    with pytest.raises(UserError, match="2048 would need 34 GB for its grid alone; choose at most 1024"):
        next(meshes_of_tokens(autoencoder, tokens(1), 2048, 0.4))
    assert check_resolution(np.int64(1024)) == 1024  # type: ignore[arg-type]


def test_a_threshold_outside_0_to_1_is_refused(autoencoder: ShapeAutoencoder) -> None:
    with pytest.raises(UserError, match=r"threshold 1\.0 must lie between 0 and 1"):
        occupancy_grid(autoencoder, torch.zeros(3, AUTOENCODER.plane_channels, 16, 16), 8, 1.0)
