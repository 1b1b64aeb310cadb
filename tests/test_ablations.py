"""The command that compares small models, rehearsed on balls and models that take a second."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus3d.data.prepare import prepare
from argus3d.data.prepared import PreparedData, PreparedShape
from argus3d.data.splits import write_split
from argus3d.engine import local
from argus3d.errors import UserError
from argus3d.generator import Request, Sample, SamplingConfig
from argus3d.train.autoencoder import AutoencoderRecipe
from argus3d.train.loop import LoopConfig
from benchmarks.ablations import measure, runs
from benchmarks.ablations import shapes as shapes_of_runs
from benchmarks.ablations.results import Found, _result, measure_study
from benchmarks.ablations.runs import Budget, Workshop
from benchmarks.ablations.shapes import Shapes, Source, read_sources
from benchmarks.ablations.studies import Study, default_studies, studies
from eval import results
from eval.protocol import Protocol
from eval.report.sweeps import read_sweep, sweep_table
from tests.argus3d.balls import SMALL, BallCatalogue
from tests.argus3d.sizes import AUTOENCODER

PROTOCOL = Protocol("few", points=128, emd_points=16, f_score_points=128, interval_repeats=4)
STAGE_1 = LoopConfig(4, 2, 3e-3, warmup=1, bfloat16=False, validate_every=4, save_every=2)
STAGE_2 = replace(STAGE_1, keep_best="validation_loss")
BASE = replace(AUTOENCODER, aligned=True, local_coordinates=True)
TINY = studies(BASE, AutoencoderRecipe(queries=32, unquantized_steps=2), small=8)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    prepare(BallCatalogue(count=8), folder, SMALL, engine=local(1))
    return folder


@pytest.fixture(scope="module")
def sources(root: Path) -> tuple[Source, ...]:
    shapes = tuple(PreparedData(root, ["balls"]).shapes.values())
    return Source("balls", shapes[:4], shapes[4:6], True), Source("others", shapes[:2], shapes[6:], False)


@pytest.fixture(scope="module")
def workshop(sources: tuple[Source, ...], tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    budget = Budget(STAGE_1, STAGE_2, SamplingConfig(top_k=16, resolution=8))
    return Workshop(Shapes(sources), budget, PROTOCOL, tmp_path_factory.mktemp("runs"))


def rows(study: Study, *names: str) -> Study:
    return replace(study, rows=tuple(row for row in study.rows if row.name in names))


@pytest.mark.parametrize("found", [default_studies(), TINY], ids=["default", "tiny"])
def test_rows_of_a_study_differ_and_equal_runs_have_equal_names(found: dict[str, Study]) -> None:
    assert list(found) == ["quirks", "representation", "size", "data"]
    stages: dict[str, Any] = {}
    for study in found.values():
        assert len({row.name for row in study.rows}) == len(study.rows) == len({row.title for row in study.rows})
        assert study.against is None or study.against in {row.name for row in study.rows}
        for row in study.rows:
            for stage in (row.autoencoder, row.transformer):
                assert stage is None or stages.setdefault(f"{type(stage).__name__} {stage.name}", stage) == stage
    settings = [replace(stage, name="") for stage in stages.values()]
    assert all(one != other for index, one in enumerate(settings) for other in settings[:index])


def test_a_study_becomes_results_that_the_table_lays_out(workshop: Workshop, tmp_path: Path) -> None:
    study = rows(TINY["representation"], "triplane", "coupled")
    paths = measure_study(study, workshop, tmp_path)
    assert [path.name for path in paths] == ["triplane.json", "coupled.json"]
    for path, tokens in zip(paths, (48, 16), strict=True):
        found, facts = results.read(path), json.loads(path.with_suffix(".facts.json").read_text())
        iou, loss = found.metrics["iou_balls"], found.metrics["validation_loss"]
        assert 0 <= iou.low <= iou.value <= iou.high <= 1
        assert 0 < loss.low <= loss.value <= loss.high < 1.2 * np.log(16)
        assert found.metrics["iou"].value == pytest.approx(
            np.mean([found.metrics["iou_balls"].value, found.metrics["iou_others"].value])
        )
        assert facts["facts"]["tokens"] == tokens and facts["budget"]["steps_of_stage_1"] == 4
    table = sweep_table(read_sweep(tmp_path))
    assert [line[0].text for line in table.rows] == ["tri-plane", "coupled planes"]


def test_what_was_measured_is_not_trained_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = TINY["quirks"].rows[0].autoencoder
    assert stage is not None
    before = workshop.autoencoder(stage, 0)
    monkeypatch.setattr(runs, "AutoencoderTraining", None)
    assert workshop.autoencoder(stage, 0) == before


def test_another_budget_in_the_same_folder_is_refused(workshop: Workshop) -> None:
    stage = TINY["quirks"].rows[0].autoencoder
    assert stage is not None
    workshop.autoencoder(stage, 0)
    other = replace(workshop, budget=replace(workshop.budget, autoencoder=replace(STAGE_1, steps=5)))
    with pytest.raises(UserError, match="steps was 4 and is 5; name another folder or remove this one"):
        other.autoencoder(stage, 0)


def measured(balls: list[float], others: list[float]) -> dict[str, Any]:
    return {"iou": {"balls": balls, "others": others}, "codebook_use": 0.5, "seconds": 1.0}


def test_seeds_are_averaged_and_compared_shape_by_shape(workshop: Workshop) -> None:
    row = TINY["quirks"].rows[0]
    against = [measured([0.2, 0.4], [0.5]), measured([0.4, 0.6], [0.7])]
    better = [measured([0.5, 0.7], [0.8]), measured([0.5, 0.7], [0.8])]
    found = _result(Found(row, better, None), against, workshop)
    assert found.metrics["iou_balls"].value == pytest.approx(0.6)
    assert found.metrics["iou"].value == pytest.approx(0.7)  # of both sources alike, whatever their sizes
    assert found.metrics["iou_balls"].low < 0.55 < 0.65 < found.metrics["iou_balls"].high
    # Shapes differ much from each other, but each by the same from itself in the other row.
    less = found.metrics["iou_difference"]
    assert (less.low, less.value, less.high) == pytest.approx((0.2, 0.2, 0.2))
    seeds = _result(Found(row, against, None), [], workshop).per_category
    assert seeds["seed 0"]["iou_balls"] == pytest.approx(0.3) and seeds["seed 1"]["iou_balls"] == pytest.approx(0.5)


def test_a_study_of_seeds_is_compared_with_one_of_its_rows(workshop: Workshop, tmp_path: Path) -> None:
    paths = measure_study(rows(TINY["quirks"], "corrected", "half-cell-shift"), workshop, tmp_path)
    whole, shifted = map(results.read, paths)
    assert "iou_difference" not in whole.metrics and set(whole.per_category) == {"seed 0", "seed 1"}
    difference = shifted.metrics["iou"].value - whole.metrics["iou"].value
    assert shifted.metrics["iou_difference"].value == pytest.approx(difference)


def test_shares_of_the_data_are_parts_of_each_other(workshop: Workshop, tmp_path: Path) -> None:
    measure_study(rows(TINY["data"], "data-1-of-2", "data-1-of-1"), workshop, tmp_path)
    half, whole = (json.loads((tmp_path / f"data-1-of-{n}.facts.json").read_text()) for n in (2, 1))
    assert (half["facts"]["training shapes of stage 1"], whole["facts"]["training shapes of stage 1"]) == (3, 6)
    assert half["x"] == "training shapes of stage 1"
    source = workshop.shapes.sources[0]
    assert [one.id for one in source.share(0.5)] == [one.id for one in source.share(1.0)][:2]
    assert len(source.share(0.01)) == 1


@dataclass(frozen=True)
class Boxes:
    """In the place of a generator: tetrahedra as high as the id's number, and nothing for every third."""

    def generate(self, wanted: Sequence[Request], seed: int, config: SamplingConfig) -> Iterator[Sample]:
        for number, request in enumerate(wanted):
            corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1 + number, 0], [0, 0, 1]], np.float32) / (2 + number)
            faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
            empty = number % 3 == 2
            yield Sample(request.id, request.category, seed, np.zeros(1, np.int64), corners, faces[: 0 if empty else 4])


def test_samples_without_a_surface_leave_both_sets(sources: tuple[Source, ...]) -> None:
    asked: list[PreparedShape] = [shape for source in sources for shape in source.train]
    generator: Any = Boxes()
    found = measure.samples(generator, asked, SamplingConfig(), PROTOCOL)
    assert (found["asked"], found["empty"]) == (6, 2)
    assert found["metrics"]["one_nna_cd"]["value"] == 1.0  # no tetrahedron is near a ball
    one = measure.samples(generator, asked[:1], SamplingConfig(), PROTOCOL)
    assert one["metrics"] == {} and "fewer than two samples" in one["notes"][0]


def test_sources_come_from_splits(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sorted(PreparedData(root, ["balls"]).shapes)
    parts = {"train": ids[:5], "val": [*ids[5:7], "ball-99"]}
    write_split(root / "splits" / "balls-v1.json", "balls", 1, "by hand", parts)
    monkeypatch.setattr(shapes_of_runs, "SPLITS", ("balls-v1",))
    (source,) = read_sources(root, 3, 10)
    assert source.name == "balls" and len(source.train) == 3 and {one.id for one in source.val} == set(ids[5:7])
    assert not source.generated
    assert read_sources(root, 3, 10)[0].share(1) == list(source.train)
    monkeypatch.setattr(shapes_of_runs, "SPLITS", ("household-v1",))
    with pytest.raises(UserError, match=r"holds no shape of household-v1/train; run `argus3d data prepare household`"):
        read_sources(root, 3, 10)
