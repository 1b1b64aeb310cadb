"""Results that somebody edited are refused by name where they are read, by both readers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval import results
from eval.protocol import Protocol
from eval.report.markup import markdown
from eval.report.page_protocol import protocol_words
from eval.report.rows import read_rows
from eval.report.tables import all_tables
from eval.results import Counts, MetricValue, Result

NOT_A_NUMBER = float("nan")
EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "its name is no text": lambda content: content.update(name=["a"]),
    "its name is no text ": lambda content: content.update(name=7),
    "its name is no text  ": lambda content: content.update(name="a\ud800"),
    "its kind is no text": lambda content: content.update(kind=["z"]),
    "a result of kind 'z'": lambda content: content.update(kind="z"),
    "its notes are no list of texts": lambda content: content.update(notes=[{"a": 1}]),
    "its notes are no list of texts ": lambda content: content.update(notes="abc"),
    "its protocol has no name": lambda content: content.update(protocol={"hash": "a"}),
    "its protocol's name is no text": lambda content: content["protocol"].update(name=["a"]),
    "its protocol's points is no whole number": lambda content: content["protocol"].update(points="2048"),
    "its protocol's confidence is no number": lambda content: content["protocol"].update(confidence=None),
    "its protocol's chamfer is no text": lambda content: content["protocol"].update(chamfer=["squared_mean"]),
    "its protocol's unknowns are no texts": lambda content: content["protocol"].update(unknowns=[1]),
    "ideal of mmd_cd is no number": lambda content: content["metrics"]["mmd_cd"].update(ideal="x"),
    "value of mmd_cd is no number": lambda content: content["metrics"]["mmd_cd"].update(value="0.5"),
    "low of mmd_cd is no number": lambda content: content["metrics"]["mmd_cd"].update(low=NOT_A_NUMBER),
    "high of mmd_cd is no number": lambda content: content["metrics"]["mmd_cd"].update(high=10**400),
    "p-value of mmd_cd is no number": lambda content: content["metrics"]["mmd_cd"].update(p_value=True),
    "unit of mmd_cd is no text": lambda content: content["metrics"]["mmd_cd"].update(unit=5),
    "direction of mmd_cd is none of": lambda content: content["metrics"]["mmd_cd"].update(direction="sideways"),
    "mmd_cd has no ideal": lambda content: content["metrics"]["mmd_cd"].update(direction="towards", ideal=None),
    "mmd_cd is no metric": lambda content: content["metrics"].update(mmd_cd=0.5),
    "its metrics are missing": lambda content: content.update(metrics=[]),
    "its counts of reference shapes": lambda content: content["counts"]["reference"].update(found=[1]),
    "its counts of generated shapes": lambda content: content["counts"].pop("generated"),
    "its failed generated shapes": lambda content: content["counts"]["generated"].update(failed=[["a", 1]]),
    "its data are no texts": lambda content: content["data"].update(baseline=["x"]),
    "its means of 'chair'": lambda content: content["per_category"].update(chair={"count": 1, "cd": "x"}),
    "of 'chair' it does not count": lambda content: content["per_category"].update(chair={"cd": 0.5}),
}


def content_of_a_result() -> dict[str, Any]:
    metrics = {"mmd_cd": MetricValue(0.5, 0.4, 0.6, "lower", 0.0, "side")}
    counts = {"generated": Counts(3, 2, (("c", "no surface"),)), "reference": Counts(2, 2)}
    groups = {"chair": {"count": 2.0, "cd": 0.5}}
    protocol = Protocol("argus3d-v1")
    return Result("nano", "generation", protocol, counts, metrics, {"generated": "0"}, groups, ("a note",)).to_json()


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "edited.json"
    path.write_text(json.dumps(content))
    return path


def test_what_was_measured_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, content_of_a_result())
    assert read_rows([path])[0].name == results.read(path).name == "nano"


@pytest.mark.parametrize("reason", EDITS)
def test_a_field_of_another_type_is_refused_by_name(tmp_path: Path, reason: str) -> None:
    content = content_of_a_result()
    EDITS[reason](content)
    path = write(tmp_path, content)
    for read in (lambda: read_rows([path]), lambda: results.read(path)):
        with pytest.raises(ValueError, match=rf"edited\.json.*{reason.strip()}.*measure again"):
            read()


def test_rows_of_sweeps_need_not_count_their_groups(tmp_path: Path) -> None:
    content = content_of_a_result() | {"kind": "sweep", "per_category": {"chair": {"cd": 0.5}}}
    assert read_rows([write(tmp_path, content)])[0].kind == "sweep"


def test_choices_and_networks_that_nobody_knows_are_named_as_they_are(tmp_path: Path) -> None:
    content = content_of_a_result()
    content["protocol"] |= {"chamfer": "mine", "emd": "mine", "emd_solver": "mine", "normalization": "mine"}
    content["metrics"]["frechet"] = content["metrics"]["mmd_cd"]
    (row,) = read_rows([write(tmp_path, content)])
    assert dict(protocol_words(row.protocol))["Chamfer distance (CD)"] == "The mine."
    assert any("Fréchet ↓" in markdown(table) for table in all_tables([row]))
