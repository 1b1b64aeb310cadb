"""Sweeps as tables and figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.report import figures
from eval.report.columns import Column
from eval.report.markup import markdown
from eval.report.sweep_figures import sweeps_figure
from eval.report.sweeps import read_sweep, sweep_table
from eval.report.tables import main
from tests.eval.report.results import PROTOCOL, generation, metric, write_result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, quality in (("one", 0.2), ("three", 0.6), ("ten", 0.9)):
        write_result(tmp_path, name, generation(quality))
    write_result(tmp_path, "back", {"iou": metric(0.7, 0.6, 0.8, "higher", 1.0)}, "reconstruction")
    return tmp_path


def write(folder: Path, **change: Any) -> Path:
    content = {
        "schema": 1,
        "title": "Guidance scale",
        "axis": "guidance",
        "columns": ["one_nna_cd", "mmd_cd"],
        "rows": [
            {"label": "1", "value": 1, "results": ["one.json"], "facts": {"parameters": 3141592}},
            {"label": "3", "value": 3, "results": ["three.json"]},
            {"label": "10", "value": 10, "results": ["ten.json"], "facts": {"tokens": "1 k"}},
        ],
    }
    path = folder / "sweep.json"
    path.write_text(json.dumps(content | change))
    return path


def test_a_row_holds_its_facts_and_then_its_metrics(folder: Path) -> None:
    table = sweep_table(read_sweep(write(folder)))
    assert table.caption == "Guidance scale"
    assert [cell.text for cell in table.header] == ["guidance", "parameters", "tokens", "1-NNA-CD →", "MMD-CD ↓"]
    assert [cell.text for cell in table.rows[0]] == ["1", "3,141,592", "—", "90.0", "18.00"]
    assert [row[3].text for row in table.rows] == ["90.0", "70.0", "55.0"]


def test_a_row_may_be_made_of_several_results(folder: Path) -> None:
    rows = [{"label": "tri-plane", "results": ["back.json", "one.json"]}, {"label": "grid", "results": ["three.json"]}]
    sweep = read_sweep(write(folder, columns=["iou", "one_nna_cd"], rows=rows))
    table = sweep_table(sweep)
    assert [[cell.text for cell in row] for row in table.rows] == [["tri-plane", "70.0", "90.0"], ["grid", "—", "70.0"]]


def test_the_table_command_takes_sweeps_beside_results_or_alone(folder: Path) -> None:
    sweep = write(folder)
    for results in ([], [str(folder / "ten.json")]):
        assert main([*results, "--sweep", str(sweep), "--out", str(folder / "t")]) == 0
        assert "**Guidance scale**" in (folder / "t.md").read_text()
        assert "guidance 3,sweep,all,20,one_nna_cd,0.7" in (folder / "t.csv").read_text()
        assert ("**Generated against reference shapes**" in (folder / "t.md").read_text()) == bool(results)
    with pytest.raises(SystemExit):
        main(["--out", str(folder / "t")])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema 2 is not 1"),
        ({"rows": []}, "no rows or no columns"),
        ({"columns": ["mmd"]}, "no table knows the column 'mmd'"),
        ({"columns": ["uhd"]}, "no result of any row has uhd"),
        ({"rows": [{"label": "1", "results": []}]}, "row '1' names no results"),
        ({"rows": [{"label": "1", "results": ["one.json", "ten.json"]}]}, "two results of row '1' have mmd_cd"),
        ({"rows": [{"results": ["one.json"]}]}, "is no sweep"),
    ],
)
def test_what_is_no_sweep_is_refused_in_a_sentence(folder: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_sweep(write(folder, **change))


def test_missing_files_and_mixed_protocols_are_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.json is missing"):
        read_sweep(folder / "none.json")
    with pytest.raises(FileNotFoundError, match=r"gone\.json is missing"):
        read_sweep(write(folder, rows=[{"label": "1", "results": ["gone.json"]}]))
    write_result(folder, "ten", generation(0.9), protocol=PROTOCOL | {"hash": "cd" * 32})
    with pytest.raises(ValueError, match="different protocols"):
        read_sweep(write(folder))


def test_metrics_of_networks_have_columns_by_their_names(folder: Path) -> None:
    write_result(folder, "net", {"frechet_views_1a2b3c4d": metric(3.0, 2.0, 4.0)})
    rows = [{"label": "1", "results": ["net.json"]}]
    sweep = read_sweep(write(folder, columns=["frechet_views_1a2b3c4d"], rows=rows))
    assert sweep.columns == [Column("frechet_views_1a2b3c4d", "Fréchet views 1a2b3c4d", 1.0, "", 3)]


def test_the_figure_names_what_it_draws_and_is_the_same_each_time(folder: Path) -> None:
    sweep = read_sweep(write(folder))
    words = [{"label": label, "results": [f"{label}.json"]} for label in ("one", "ten")]
    kinds = read_sweep(write(folder, title="Kinds", axis="kind", rows=words, columns=["cov_cd"]))
    once = sweeps_figure([sweep, kinds], ".svg")
    assert once == sweeps_figure([sweep, kinds], ".svg")
    assert all(one.title.split()[0] in once.decode() for one in (sweep, kinds))  # rows are told apart
    for word in ("1-NNA-CD", "MMD-CD", "COV-CD", "guidance", "kind"):
        assert word in once.decode()
    with pytest.raises(ValueError, match=r"not '\.gif'"):
        sweeps_figure([sweep], ".gif")


def test_the_figure_command_draws_results_or_sweeps(folder: Path) -> None:
    sweep, out = write(folder), folder / "figure.png"
    assert figures.main(["--sweep", str(sweep), "--out", str(out)]) == 0
    assert np.asarray(Image.open(out).convert("L")).std() > 5
    for words in ([], [str(folder / "one.json"), "--sweep", str(sweep)]):
        with pytest.raises(SystemExit):
            figures.main([*words, "--out", str(out)])


# A folder of rows


def row(folder: Path, name: str, order: int, metrics: dict[str, Any], **more: Any) -> None:
    folder.mkdir(exist_ok=True)
    write_result(folder, name, metrics, "sweep")
    content = {
        "study": "representation", "row": name, "title": name.replace("_", "-"), "order": order,
        "facts": {"tokens": 1024 * order, "seconds_per_step": 0.2134}, "budget": {"steps": 1500},
    }  # fmt: skip
    (folder / f"{name}.facts.json").write_text(json.dumps(content | more))


def test_a_folder_of_rows_is_a_sweep_by_their_order(tmp_path: Path) -> None:
    study = tmp_path / "study"
    row(study, "tri_plane", 2, {"iou_household": metric(0.6, 0.5, 0.7, "higher", 1.0)})
    row(study, "coupled", 1, {"iou_household": metric(0.7, 0.6, 0.8, "higher", 1.0), "odd_key": metric(2.0, 1.0, 3.0)})
    sweep = read_sweep(study)
    table = sweep_table(sweep)
    assert table.caption == "representation" and sweep.notes == ["budget: steps 1,500."]
    assert [cell.text for cell in table.header] == ["row", "tokens", "seconds per step", "IoU household ↑", "odd key ↓"]
    assert [[cell.text for cell in line] for line in table.rows] == [
        ["coupled", "1,024", "0.213", "70.0", "2.000"],
        ["tri-plane", "2,048", "0.213", "60.0", "—"],
    ]
    assert len(table.notes) == 2, "the protocol and the budget: no distances were taken, no training data is said"


def test_a_fact_may_be_the_axis_and_budgets_may_differ(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for order in (1, 4):
        entry = {"validation_loss": metric(3.0 / order, 2.0 / order, 4.0 / order)}
        row(study, f"width_{order}", order, entry, x="tokens", budget={"steps": order})
    sweep = read_sweep(study)
    assert sweep.axis == "tokens" and [step.value for step in sweep.steps] == [1024, 4096]
    assert sweep.notes == ["width-1: budget: steps 1.", "width-4: budget: steps 4."]
    assert "validation loss" in sweeps_figure([sweep], ".svg").decode()


def test_folders_that_are_no_sweep_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no \.facts\.json"):
        read_sweep(tmp_path)
    row(tmp_path / "study", "one", 1, {}, x="width")
    with pytest.raises(ValueError, match=r"one\.facts\.json does not describe a row of a sweep \('width'\)"):
        read_sweep(tmp_path / "study")
    (tmp_path / "study" / "one.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"one\.json is missing"):
        read_sweep(tmp_path / "study")


@pytest.mark.parametrize("fact", ["\ud800", 10**400], ids=["half a letter", "a large number"])
def test_facts_of_strangers_are_refused_or_printed(tmp_path: Path, fact: object) -> None:
    write_result(tmp_path, "one", generation(0.5))
    content = {"study": "s", "order": 1, "title": "t", "facts": {"a": fact}, "budget": {"steps": fact}}
    (tmp_path / "one.facts.json").write_text(json.dumps(content))
    if isinstance(fact, str):
        with pytest.raises(ValueError, match=r"one\.facts\.json does not describe a row .*halves of letters"):
            read_sweep(tmp_path)
    else:
        assert f"{fact:,}" in markdown(sweep_table(read_sweep(tmp_path)))


def test_a_place_at_infinity_is_refused(tmp_path: Path) -> None:
    write_result(tmp_path, "one", generation(0.5))
    content = {"study": "s", "order": 1, "title": "t", "facts": {"a": float("inf")}, "x": "a"}
    (tmp_path / "one.facts.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"one\.facts\.json .*infinite"):
        read_sweep(tmp_path)
