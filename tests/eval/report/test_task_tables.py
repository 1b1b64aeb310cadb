"""Tables of completion, guided samples and memorisation."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from eval.report.markup import Table, latex, markdown
from eval.report.rows import read_rows
from eval.report.tables import all_tables, csv_text, main
from eval.report.task_tables import BY_CLASS
from tests.eval.report.results import generation, metric, write_result

TRAINED = {"trained_on": "household-v1/train", "seen_in_training": "none of 20 reference shapes, by id"}


def guided(quality: float, **more: Any) -> dict[str, Any]:
    found = {
        "amd_cd": metric(0.02 / quality, 0.018 / quality, 0.022 / quality),
        "tmd_cd": metric(0.03 * quality, 0.029 * quality, 0.031 * quality, "higher"),
        "class_agreement": metric(0.5, 0.4, 0.6, "higher"),
        "classifier_accuracy": metric(0.8, 0.7, 0.9, "higher"),
        "classifier_accuracy_reliable": metric(0.95, 0.9, 1.0, "higher"),
        "frechet_1a2b3c4d": metric(3 / quality, 2.9 / quality, 3.1 / quality),
        "frechet_views_5e6f7a8b": metric(40.0, 30.0, 50.0),
    }
    return found | more


def tables(*paths: Path) -> dict[str, Table]:
    return {table.caption: table for table in all_tables(read_rows(paths))}


def cells(table: Table, row: int) -> dict[str, str]:
    texts = [(cell.text, cell.below) for cell in table.rows[row]]
    return {head.text: f"{text} {below}".strip() for head, (text, below) in zip(table.header, texts, strict=True)}


def completion(folder: Path, name: str, data: Mapping[str, str], uhd: float = 0.03) -> Path:
    metrics = {
        "tmd_cd": metric(0.02, 0.01, 0.03, "higher"),
        "uhd": metric(uhd, uhd - 0.001, uhd + 0.001),
        "completeness_0.03": metric(0.9, 0.8, 1.0, "higher"),
        "mmd_cd": metric(0.001, 0.0009, 0.0011),
    }
    return write_result(folder, name, metrics, "completion", data=data, found=18)


def test_completions_stand_beside_rows_that_give_them_meaning(tmp_path: Path) -> None:
    paths = [
        completion(tmp_path, "nano", TRAINED),
        completion(tmp_path, "other", TRAINED, 0.05),
        completion(tmp_path, "themselves", {"baseline": "reference"}, 0.01),
        completion(tmp_path, "retrieved", {"baseline": "training"}, 0.2),
    ]
    table = next(iter(tables(*paths).values()))
    assert cells(table, 0)["UHD ↓"] == "3.00 2.90 – 3.10" and cells(table, 0)["n"] == "18 of 20"
    assert cells(table, 2)["row"] == "themselves noise alone: the shapes themselves, drawn anew"
    assert cells(table, 3)["row"].startswith("retrieved random training shapes")
    bold = [[cell.bold for cell in row] for row in table.rows]
    heads = [head.text for head in table.header]
    assert bold[0][heads.index("UHD ↓")], "of the two generators the one whose interval lies apart"
    assert sum(map(sum, bold)) == 1, "rows that no generator made win nothing, nor does being various"
    assert any("nano, other: trained on household-v1/train" in note for note in table.notes)
    assert "themselves" not in " ".join(note for note in table.notes if "trained" in note)


def test_guided_rows_say_how_they_were_guided_and_by_which_encoders(tmp_path: Path) -> None:
    made = TRAINED | {"by": "text", "guidance": "3.0", "encoders": "text minilm-sentence abababab"}
    seen = {"views_5e6f7a8b": "efficientnet-lite0-global"}
    found = tables(write_result(tmp_path, "text", guided(0.9), "guided", data=made | seen))
    table = found["Samples guided by shapes of the reference against these shapes"]
    notes = "\n".join(table.notes)
    assert "text: by text, guidance 3.0, encoders text minilm-sentence abababab." in notes
    assert "views 5e6f7a8b: features of rendered views by efficientnet-lite0-global." in notes
    assert "right on 80.0% of the reference shapes themselves" in notes and "95.0% together" in notes
    row = cells(table, 0)
    assert "Fréchet 1a2b3c4d ↓" in row and row["Fréchet views 5e6f7a8b ↓"].startswith("40.000")
    assert len(found) == 1, "no differences, no classes"


def test_differences_are_a_table_of_their_own_and_bold_where_they_are_sure(tmp_path: Path) -> None:
    less = {"less_amd_cd": metric(-0.008, -0.01, -0.006), "less_frechet_1a2b3c4d": metric(-0.5, -1.5, 0.5)}
    text = write_result(tmp_path, "text", guided(0.9) | less, "guided", data=TRAINED | {"against": "by_class"})
    plain = write_result(tmp_path, "class", guided(0.8), "guided", data=TRAINED)
    table = tables(plain, text)["One guidance less another, for the same shapes"]
    assert len(table.rows) == 1 and cells(table, 0)["row"] == "text less by_class"
    assert cells(table, 0)["AMD-CD ↓"] == "-8.00 -10.00 – -6.00"
    bold = {head.text: cell.bold for head, cell in zip(table.header, table.rows[0], strict=True)}
    assert bold["AMD-CD ↓"] and not bold["Fréchet 1a2b3c4d ↓"]


def test_agreement_by_class_stands_beside_what_the_classifier_reaches(tmp_path: Path) -> None:
    groups = {
        "chair": {"count": 6.0, "class_agreement": 0.5, "classifier_accuracy": 0.9, "classifier_test": 0.8},
        "sofa": {"count": 2.0, "class_agreement": None},
    }
    path = write_result(tmp_path, "text", guided(0.9), "guided", groups=groups, data=TRAINED)
    table = tables(path)[BY_CLASS]
    assert cells(table, 0) == {
        "class": "chair", "shapes": "6", "text": "50.0", "the shapes themselves": "90.0", "its own test shapes": "80.0",
    }  # fmt: skip
    assert cells(table, 1)["text"] == "—"


def test_readme_shows_the_first_table_alone(tmp_path: Path) -> None:
    paths = [
        write_result(tmp_path, "text", guided(0.9), "guided", data=TRAINED),
        write_result(tmp_path, "nano", generation(0.5)),
    ]
    readme = tmp_path / "README.md"
    readme.write_text("<!-- table:begin -->\n<!-- table:end -->\n")
    main([*map(str, paths), "--out", str(tmp_path / "t"), "--readme", str(readme)])
    assert re.findall(r"^\*\*(.+)\*\*$", readme.read_text(), re.MULTILINE) == ["Generated against reference shapes"]
    assert "guided by" in (tmp_path / "t.md").read_text()


def test_memorisation_stands_beside_its_yardsticks(tmp_path: Path) -> None:
    def path(name: str, ratio: float) -> Path:
        found = {
            "novelty_ratio": metric(ratio, ratio - 0.1, ratio + 0.1, "higher"),
            "near_share": metric(0.02, 0.0, 0.05),
            "farther": metric(0.5, 0.4, 0.6, "towards", 0.5),
        }
        return write_result(tmp_path, name, found, "memorisation", notes=("99 training shapes",))

    table = next(iter(tables(path("nano", 1.1), path("test_set", 1.0), path("training_set", 0.4)).values()))
    assert cells(table, 0)["novelty ↑"] == "1.10 1.00 – 1.20"
    assert cells(table, 1)["row"].endswith("yardstick: shapes that are no samples")
    assert cells(table, 2)["row"].endswith("what a memoriser reaches")
    assert "nano, test set, training set: 99 training shapes." in table.notes, "said once for all"


def test_the_csv_and_latex_hold_tasks_too(tmp_path: Path) -> None:
    path = write_result(tmp_path, "text", guided(0.9), "guided", groups={"chair": {"count": 3.0, "amd_cd": 0.5}})
    lines = csv_text(read_rows([path])).splitlines()
    assert any(line.startswith("text,guided,all,20,frechet_views_5e6f7a8b,40.0,30.0,50.0,lower") for line in lines)
    assert any(line.startswith("text,guided,chair,3,amd_cd,0.5") for line in lines)
    assert all(latex(table).count(r"\toprule") == 1 for table in tables(path).values())
    assert all("**" in markdown(table) for table in tables(path).values())


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="odd is a result of kind 'odd'"):
        all_tables(read_rows([write_result(tmp_path, "odd", {}, "odd")]))
