"""`argus3d-eval score` from a generator to a result."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus3d.checkpoint import importing
from argus3d.data.derived_splits import DERIVED, write_derived
from argus3d.generator import ArgusGenerator
from eval.cli import main
from tests.argus3d import released_files
from tests.eval.toys import BOXES, write_toys

CLASSES = {"chair": 6, "lamp": 2, "table": 3}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepared toys, and the generator of README in the current directory."""
    monkeypatch.chdir(tmp_path)
    write_toys(tmp_path / "data", CLASSES)
    (tmp_path / "boxes.py").write_text(BOXES)
    return tmp_path


def score(line: str) -> dict[str, Any]:
    """The result of a command line, written where --out says."""
    words = [*shlex.split(line), "--data-root", "data", "--protocol", "smoke"]
    if "--out" not in words:
        words += ["--out", "out.json"]
    assert main(["score", *words]) == 0
    return dict(json.loads(Path(words[words.index("--out") + 1]).read_text()))


def refused(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence that a command line ends with."""
    capsys.readouterr()
    assert main(["score", *shlex.split(line), "--data-root", "data", "--protocol", "smoke", "--out", "no.json"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and not Path("no.json").exists()
    return printed.err.splitlines()[-1]


def test_any_generator_against_a_split(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = score("--generator boxes:Boxes --split toys-v1/test --category chair,table --count 6")
    assert result["counts"]["generated"] == result["counts"]["reference"] == {"asked": 6, "failed": [], "found": 6}
    assert result["data"]["classes"] == "chair 4, table 2", "6 split by 6 : 3"
    assert result["data"]["trained_on"] == "not said" and "checkpoint" not in result["data"]
    assert "boxes: 6 samples: chair 4, table 2" in capsys.readouterr().err
    manifest = json.loads((root / "out-samples" / "manifest.json").read_text())
    assert [sample["id"] for sample in manifest["samples"]][:2] == ["chair-0000", "chair-0001"]
    assert manifest["command"].startswith("argus3d-eval score --generator boxes:Boxes")


def test_what_was_sampled_is_measured_again_without_sampling(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = score("--generator boxes:Boxes --split toys-v1/test --category chair,table")
    capsys.readouterr()
    again = score("--generator boxes:Boxes toys-v1/test --category chair,table --samples out-samples --out again.json")
    assert "9 of 9 shapes are there already" in capsys.readouterr().err
    folder = score("out-samples --split toys-v1/test --category chair,table --out folder.json")
    positional = score("out-samples toys-v1/test --category table,chair --out positional.json")
    for other in (again, folder, positional):
        assert {**other, "name": ""} == {**made, "name": ""}


def test_the_command_of_the_manual(root: Path) -> None:
    ids = write_toys(root / "data", {"chair": 4, "sofa": 3, "table": 2}, source="objaverse", split="tmp/x")
    none: dict[str, list[str]] = {part: [] for part in DERIVED["objaverse-v1"].parts}
    write_derived("objaverse-v1", none | {"test": ids, "test-core": [*ids, "not-prepared"]}, root / "data")
    result = score("--checkpoint nano --split objaverse-v1/test-core --category chair,table --count 3 --out r.json")
    assert result["data"]["classes"] == "chair 2, table 1" and result["counts"]["reference"]["found"] == 3
    assert result["data"]["trained_on"] == "household-v1/train, components-v1/train, procedural-v1/train"
    assert result["data"]["seen_in_training"] == "none of 3 reference shapes, by id"
    assert len(result["data"]["checkpoint"]) == 64
    assert "1 reference shapes whose class is not known were left out" in result["notes"]
    assert (root / "r-samples" / "manifest.json").is_file()


def test_without_out_the_result_lies_here_under_both_names(root: Path) -> None:
    words = "--generator boxes:Boxes --split toys-v1/test --category chair --data-root data --protocol smoke"
    assert main(["score", *words.split()]) == 0
    result = json.loads((root / "boxes-Boxes-on-toys-v1-test.json").read_text())
    assert result["name"] == "boxes-Boxes-on-toys-v1-test"
    assert (root / "boxes-Boxes-on-toys-v1-test-samples" / "manifest.json").is_file()


def test_a_file_of_the_original_code(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "RESOLUTION", 16)
    released_files.write(root, released_files.stage_2())
    sizes = json.loads((root / "sizes.json").read_text())
    (root / "sizes.json").write_text(json.dumps(sizes | {"categories": ["chair", "lamp", "table"]}))
    line = "--checkpoint stage2.pt --config sizes.json --split toys-v1/test --category lamp"
    # Shapes of random weights may well be empty: then there is nothing to measure.
    assert main(["score", *line.split(), "--data-root", "data", "--protocol", "smoke", "--out", "r.json"]) in (0, 1)
    assert "importing stage2.pt" in capsys.readouterr().err
    (folder,) = (root / "artifacts" / "imported").iterdir()
    manifest = json.loads((root / "r-samples" / "manifest.json").read_text())
    assert manifest["checkpoint"]["name"] == folder.name and "trained_on" not in manifest["checkpoint"]
    said = refused("--checkpoint stage2.pt --config sizes.json --split toys-v1/test --category chair,sofa", capsys)
    assert "no shape of class 'sofa'" in said


def test_a_class_that_the_generator_lacks_is_said_before_weights_are_read(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ArgusGenerator, "load", lambda *_: pytest.fail("weights were read"))
    assert "boxes does not know 'lamp'; it knows --category chair,table" in refused(
        "--generator boxes:Boxes --split toys-v1/test", capsys
    )
    assert "does not know 'lamp'" in refused("--generator boxes:Boxes --split toys-v1/test --count 2", capsys)
    write_toys(root / "data", {"chairs": 2}, source="more", split="more-v1/test")
    assert "nano does not know 'chairs'; did you mean chair" in refused("--checkpoint nano more-v1/test", capsys)
    assert not list(root.glob("*-samples"))


def test_broken_shapes_are_counted_and_a_broken_generator_is_named(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = BOXES.replace("sides = np", "sides = (count > 2) * np.where(np.arange(count) == 1, np.nan, 1)[:, None] * np")
    (root / "odd.py").write_text(text)
    result = score("--generator odd:Boxes --split toys-v1/test --category chair")
    assert result["counts"]["generated"]["failed"] == [["chair-0001", "a vertex is not finite"]]
    assert "1 of 6 generated shapes failed" in result["notes"][0]
    (root / "bad.py").write_text(BOXES.replace("for side in sides]", "for side in sides[1:]]"))
    assert "boxes: sample('chair', 6, seed=" in refused("--generator bad:Boxes toys-v1/test --category chair", capsys)
    assert "importing gone failed" in refused("--generator gone:Boxes --split toys-v1/test", capsys)


def test_an_array_as_reference_has_no_class_to_ask_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(root / "a.npy", np.random.default_rng(0).random((9, 256, 3)))
    assert "cannot be asked for shapes like those of an array" in refused("--checkpoint nano a.npy --count 3", capsys)
    (root / "one.py").write_text(BOXES.replace('("chair", "table")', '("chair",)'))
    assert "an array" in refused("--generator one:Boxes a.npy", capsys)
    assert score("--generator one:Boxes a.npy --count 4")["counts"]["reference"]["asked"] == 4


def test_samples_without_classes_are_taken_whole(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(root / "a.npy", np.random.default_rng(0).random((6, 256, 3)))
    result = score("a.npy toys-v1/test --category chair")
    assert result["counts"]["generated"]["found"] == 6 and "a.npy names no class" in capsys.readouterr().err
    assert result["data"]["trained_on"] == "not said" and "classes" not in result["data"]
    assert "trained_on" not in score("toys-v1/test toys-v1/test --out itself.json")["data"], "no generator made these"


@pytest.mark.parametrize(
    "line",
    [
        "a.npy", "a.npy b.npy c.npy", "a.npy b.npy --split toys-v1/test", "a.npy b.npy --checkpoint nano",
        "--checkpoint nano", "--checkpoint nano --generator boxes:Boxes --split toys-v1/test", "--split toys-v1/test",
        "--checkpoint nano --split toys-v1", "a.npy b.npy --count many",
    ],
)  # fmt: skip
def test_wrong_usage_exits_with_two(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["score", *line.split(), "--out", "r.json"])
    assert exit_.value.code == 2 and capsys.readouterr().out == ""


def test_what_would_have_no_effect_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "say more of a --checkpoint FILE.pt" in refused("a.npy toys-v1/test --stage1 stage1.pt", capsys)
    assert "folder to sample into" in refused("a.npy toys-v1/test --samples here", capsys)
    assert "needs no --stage1" in refused("--checkpoint nano --config huge toys-v1/test", capsys)
    assert "was not made yet under data: run `argus3d data split" in refused(
        "--checkpoint nano --split objaverse-v1/test-core", capsys
    )
