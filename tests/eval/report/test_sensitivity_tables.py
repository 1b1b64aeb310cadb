"""Tables of what moves the metrics."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.report.markup import latex, markdown
from eval.report.sensitivity_tables import choice_table, csv_text, overview, read_pairs, sensitivity_tables
from tests.eval.report.results import PROTOCOL, metric


def change(moved: float | None, low: float | None, high: float | None, factor: bool = False) -> dict[str, Any]:
    return {"value": 1.0, "change": moved, "low": low, "high": high, "factor": factor}


def pair() -> dict[str, Any]:
    points = [
        {"label": "512", "changes": {"cov_cd": change(0.012, -0.02, 0.044), "mmd_cd": change(1.5, 1.4, 1.6, True)}},
        {"label": "8,192", "changes": {"cov_cd": change(-0.051, -0.09, -0.01), "mmd_cd": change(0.5, 0.4, 0.6, True)}},
    ]
    chance = [{"label": "other seeds", "changes": {"cov_cd": change(0.0, -0.034, 0.034), "ecd_cd": change(0.0, -3, 3)}}]
    blank = [{"label": "none", "changes": {"ecd_cd": change(None, None, None)}}]
    return {
        "name": "nano",
        "generated": "samples",
        "reference": "nano-v1/test",
        "size": 131,
        "protocol": PROTOCOL,
        "metrics": {
            "mmd_cd": metric(0.005, 0.004, 0.006),
            "cov_cd": metric(0.5, 0.4, 0.6, "higher"),
            "ecd_cd": metric(3.2, 2.0, 13.0, "lower", 2.0),
        },
        "choices": [
            {"key": "points", "title": "points a cloud", "usual": "2,048", "kind": "paired", "alternatives": points},
            {"key": "ecd_k", "title": "trees", "usual": "10", "kind": "paired", "alternatives": blank},
            {"key": "seed", "title": "points drawn", "usual": "seed 0", "kind": "exchanged", "alternatives": chance},
        ],
        "notes": ["points a cloud 4,096 left out: too few"],
    }


def test_the_overview_shows_what_moves_each_metric_farthest() -> None:
    table = overview(pair())
    assert [cell.text for cell in table.header] == ["choice", "MMD-CD ↓", "COV-CD ↑", "ECD-CD ↓"]
    usual, points, trees, seed = table.rows
    assert [cell.text for cell in usual[1:]] == ["5.00", "50.0", "3.2"]
    assert [(cell.text, cell.below, cell.bold) for cell in points[1:]] == [
        ("×0.50", "8,192", True),
        ("−5.1", "8,192", True),
        ("", "", False),
    ]
    assert trees[3].text == ""
    assert [cell.text for cell in seed[1:]] == ["", "± 3.4", "± 3.0"] and not any(cell.bold for cell in seed)
    assert "left out" in table.notes[-1]


def test_a_table_a_choice_with_intervals_of_the_change() -> None:
    content = pair()
    table = choice_table(content, content["choices"][0])
    assert table.caption == "Points a cloud: nano, 131 shapes a set"
    assert [cell.text for cell in table.rows[0]] == ["2,048", "5.00", "50.0"]
    few, many = table.rows[1:]
    assert (few[2].text, few[2].below, few[2].bold) == ("+1.2", "−2.0 to +4.4", False)
    assert (many[1].text, many[1].below, many[1].bold) == ("×0.50", "×0.40 to ×0.60", True)
    assert [cell.text for cell in choice_table(content, content["choices"][1]).rows[1]] == ["none", "—"]


def test_a_change_without_width_has_no_interval() -> None:
    content = pair()
    content["choices"][0]["alternatives"][0]["changes"]["mmd_cd"] = change(4.0, 4.0, 4.0, True)
    cell = choice_table(content, content["choices"][0]).rows[1][1]
    assert (cell.text, cell.below, cell.bold) == ("×4.00", "", True)


def test_chance_is_shown_by_its_reach_and_its_own_values() -> None:
    content = pair()
    table = choice_table(content, content["choices"][2])
    assert [cell.text for cell in table.rows[0]] == ["seed 0", "100.0", "1.0"]
    assert [cell.text for cell in table.rows[1]] == ["other seeds", "± 3.4", "± 3.0"]
    assert "95% of draws differ from each other by no more than this" in table.notes[0]


def test_the_csv_holds_every_change_unscaled() -> None:
    lines = list(csv.DictReader(io.StringIO(csv_text([pair()]))))
    assert len(lines) == 7
    one = lines[0]
    assert (one["choice"], one["alternative"], one["metric"]) == ("points", "512", "cov_cd")
    assert (float(one["usual_value"]), float(one["change"]), float(one["high"])) == (0.5, 0.012, 0.044)
    assert one["change_is"] == "difference" and lines[1]["change_is"] == "factor"
    assert next(line for line in lines if line["choice"] == "ecd_k")["change"] == ""


@pytest.mark.parametrize("index", range(4))
def test_markdown_and_latex_have_a_line_a_row(index: int) -> None:
    table = sensitivity_tables(pair())[index]
    width = len(table.header)
    for line in markdown(table).splitlines():
        if line.startswith("|"):
            assert line.count("|") == width + 1
    text = latex(table)
    assert text.replace("é", "e").isascii(), "pdflatex takes no other signs"
    assert text.count(r"\\") >= len(table.rows) + 1


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "the name of a pair": lambda found: found.update(name=["a"]),
    "the size of its sets": lambda found: found.update(size="131"),
    "its protocol has no name": lambda found: found.update(protocol={"hash": "a"}),
    "its metrics are missing": lambda found: found.update(metrics=[]),
    "value of mmd_cd is no number": lambda found: found["metrics"]["mmd_cd"].update(value="x"),
    "its notes": lambda found: found.update(notes=[1]),
    "its choices": lambda found: found.update(choices=[]),
    "a choice is no object": lambda found: found.update(choices=[1]),
    "a choice is mine": lambda found: found["choices"][0].update(kind="mine"),
    "no list of alternatives": lambda found: found["choices"][0].update(alternatives=[]),
    "the label of an alternative": lambda found: found["choices"][0]["alternatives"][0].update(label=1),
    "which no table knows": lambda found: found["choices"][0]["alternatives"][0].update(changes={"x_y": 1}),
    "no object": lambda found: found["choices"][0]["alternatives"][0].update(changes={"mmd_cd": 1}),
    "the low of a change": lambda found: found["choices"][0]["alternatives"][0]["changes"]["cov_cd"].update(low="x"),
    "not above 0": lambda found: found["choices"][0]["alternatives"][0]["changes"]["mmd_cd"].update(change=0),
}


@pytest.mark.parametrize("reason", EDITS)
def test_a_measurement_that_somebody_edited_is_refused_by_name(tmp_path: Path, reason: str) -> None:
    path, content = tmp_path / "x.json", {"kind": "sensitivity", "schema": 1, "pairs": [pair()]}
    path.write_text(json.dumps(content))
    assert read_pairs(path) == [pair()]
    EDITS[reason](content["pairs"][0])
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"x\.json is no measurement of sensitivity.*{reason}"):
        read_pairs(path)
