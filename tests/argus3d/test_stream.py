"""Prepared shapes through a torch DataLoader."""


import numpy as np
import pytest
from torch.utils.data import DataLoader

from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData
from argus3d.engine import local
from argus3d.train.stream import ShapeStream
from tests.argus3d.balls import SMALL, BallCatalogue


@pytest.fixture(scope="module", params=[False, True], ids=["folders", "packs"])
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ShapeStream:
    root = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(), root, SMALL, engine=local(1), packed=request.param)
    return ShapeStream(list(PreparedData(root).shapes.values()), points=100, queries=150, seed=3)


def test_what_is_drawn_is_stored_and_inside_belongs_to_it(stream: ShapeStream) -> None:
    for row, shape in enumerate(stream.shapes):
        drawn = stream[row]
        assert drawn.row == row and drawn.points.dtype == drawn.queries.dtype == drawn.inside.dtype == np.float32
        assert {tuple(point) for point in drawn.points} <= {tuple(point) for point in shape.cloud().astype(np.float32)}
        assert len({tuple(point) for point in drawn.points}) == 100
        places, inside = shape.occupancy("uniform")
        truth = dict(zip(map(tuple, places.astype(np.float32)), inside, strict=True))
        assert [truth[tuple(place)] for place in drawn.queries] == drawn.inside.astype(bool).tolist()


def test_workers_and_order_change_no_draw_but_epochs_do(stream: ShapeStream) -> None:
    alone = {row: stream[row] for row in range(len(stream))}
    seen = 0
    for batch in DataLoader(stream, 4, shuffle=True, num_workers=2):
        for place, row in enumerate(batch.row.tolist()):
            assert (batch.points[place].numpy() == alone[row].points).all()
            assert (batch.queries[place].numpy() == alone[row].queries).all()
            seen += 1
    assert seen == 6
    assert (stream.at(1)[0].points != alone[0].points).any()
