"""Tables from result files."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.report.markup import Cell, Table, escape, latex, markdown
from eval.report.rows import Value, better, read_rows
from eval.report.tables import BEGIN, END, FURTHER, all_tables, csv_text, main, with_table
from tests.eval.report.results import PROTOCOL, generation, metric, write_result

ROOT = Path(__file__).parents[3]


def table_of(text: str, row: str) -> str:
    """The Markdown line of a row."""
    return next(line for line in text.splitlines() if line.startswith(f"| {row}") or line.startswith(f"| **{row}"))


def render(*paths: Path) -> str:
    return "\n".join(markdown(table) for table in all_tables(read_rows(paths)))


def test_rows_keep_their_order_and_markers_say_what_they_are_for(tmp_path: Path) -> None:
    names = ["scrambled", "nano", "reconstructed_training_set", "training_set", "reference_vs_itself"]
    text = render(*(write_result(tmp_path, name, generation(0.5)) for name in names))
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert [row.split("|")[1].split("<")[0].strip() for row in rows] == [name.replace("_", " ") for name in names]
    assert "floor" in table_of(text, "scrambled")
    assert "ceiling" in table_of(text, "reconstructed training set")
    assert "<sub>" not in table_of(text, "nano").split("|")[1]


def test_header_names_scale_direction_and_ideal(tmp_path: Path) -> None:
    header = render(write_result(tmp_path, "nano", generation(0.5))).splitlines()[2]
    assert "MMD-CD ↓<br><sub>×10³</sub>" in header
    assert "COV-CD ↑<br><sub>%, ideal 100</sub>" in header
    assert "1-NNA-EMD →<br><sub>%, ideal 50</sub>" in header
    assert "ECD-CD ↓<br><sub>ideal 2</sub>" in header


def test_numbers_are_scaled_as_the_header_says(tmp_path: Path) -> None:
    metrics = {"mmd_cd": metric(0.01234, 0.0111, 0.0135), "cov_cd": metric(0.456, 0.4, 0.5, "higher", 1.0)}
    row = table_of(render(write_result(tmp_path, "nano", metrics, found=18)), "nano")
    assert row == "| nano | 18 of 20 | 12.34<br><sub>11.10 – 13.50</sub> | 45.6<br><sub>40.0 – 50.0</sub> |"


def test_best_is_bold_only_where_intervals_separate(tmp_path: Path) -> None:
    far = render(write_result(tmp_path, "ours", generation(0.8)), write_result(tmp_path, "theirs", generation(0.2)))
    assert table_of(far, "ours").count("**") == 16  # eight metrics
    assert "**" not in table_of(far, "theirs")
    near = render(write_result(tmp_path, "ours", generation(0.8)), write_result(tmp_path, "theirs", generation(0.799)))
    assert "**" not in table_of(near, "ours") + table_of(near, "theirs")


def test_rows_that_are_no_generator_neither_win_nor_prevent_a_win(tmp_path: Path) -> None:
    marker = write_result(tmp_path, "training_set", generation(1.0))
    ours, theirs = write_result(tmp_path, "ours", generation(0.8)), write_result(tmp_path, "theirs", generation(0.2))
    assert better(read_rows([marker, ours, theirs]), "cov_cd") == "ours"
    assert better(read_rows([marker, ours]), "cov_cd") is None


def test_a_missing_interval_wins_nothing(tmp_path: Path) -> None:
    ours = write_result(tmp_path, "ours", {"mmd_cd": metric(0.1, None, None)})
    theirs = write_result(tmp_path, "theirs", {"mmd_cd": metric(0.9, 0.8, 1.0)})
    assert better(read_rows([ours, theirs]), "mmd_cd") is None
    assert "| ours | 20 | 100.00 |" in render(ours, theirs)


def test_an_undefined_value_is_a_dash(tmp_path: Path) -> None:
    path = write_result(tmp_path, "nano", {"ecd_cd": metric(None, None, None, "lower", 2.0)})
    assert table_of(render(path), "nano") == "| nano | 20 | — |"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_loss_towards_a_target_is_the_distance_to_it(a: float, b: float, c: float) -> None:
    low, value, high = sorted((a, b, c))
    loss, nearest, farthest = Value(value, low, high, "towards", 0.5, "").loss()
    assert nearest <= loss <= farthest
    assert nearest == 0 or not low <= 0.5 <= high


def test_different_protocols_share_no_table(tmp_path: Path) -> None:
    ours = write_result(tmp_path, "ours", generation(0.8))
    theirs = write_result(tmp_path, "theirs", generation(0.2), protocol=PROTOCOL | {"name": "smoke", "hash": "cd" * 32})
    with pytest.raises(ValueError, match=r"ours and theirs .*different protocols \(argus3d-v1 and smoke\)"):
        read_rows([ours, theirs])


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 2}', '{"schema": 1, "name": "x"}'])
def test_what_is_no_result_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"broken\.json is no result"):
        read_rows([path])


def test_a_missing_result_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.json is missing"):
        read_rows([tmp_path / "gone.json"])


def reconstruction(folder: Path) -> Path:
    means = {"iou": 0.5, "cd": 0.002}
    groups = {
        "chair": {"count": 20.0} | means,
        "solidity 0 to 0.5": {"count": 4.0} | means,
        "source household": {"count": 12.0, "iou": 0.6, "cd": None},
        "source procedural": {"count": 8.0} | means,
    }
    metrics = {"iou": metric(0.7, 0.65, 0.75, "higher", 1.0), "cd": metric(0.001, 0.0009, 0.0011, "lower", 0.0)}
    return write_result(folder, "reconstruction", metrics, "reconstruction", groups)


def test_reconstructions_are_shown_by_source_and_solidity(tmp_path: Path) -> None:
    text = render(reconstruction(tmp_path))
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert lines[2].startswith("| reconstruction<br><sub>all test shapes</sub> | 20 | 70.0<br><sub>65.0 – 75.0</sub>")
    assert lines[3:] == [
        "| household | 12 | 60.0 | — |",
        "| procedural | 8 | 50.0 | 2.00 |",
        "| solidity 0 to 0.5 | 4 | 50.0 | 2.00 |",
    ]


def test_every_table_says_what_was_trained_on_what(tmp_path: Path) -> None:
    known = {"trained_on": "toys-v1/train", "seen_in_training": "none of 20 reference shapes, by id"}
    released = {"trained_on": "objaverse, shapenet", "seen_in_training": "all of 20 reference shapes"}
    paths = [
        write_result(tmp_path, "nano", generation(0.5) | {"jsd": metric(0.1, 0.1, 0.1)}, data=known),
        write_result(tmp_path, "scrambled", generation(0.1), data=known),
        write_result(tmp_path, "released", generation(0.6), data=released),
        write_result(tmp_path, "old_result", generation(0.4)),
        write_result(tmp_path, "training_set", generation(0.9)),
        write_result(tmp_path, "back", {"iou": metric(0.7, 0.6, 0.8)}, "reconstruction", data=known),
    ]
    generated, further, reconstructed = all_tables(read_rows(paths))
    expected = [
        "nano, scrambled: trained on toys-v1/train; seen in training: none of 20 reference shapes, by id.",
        "released: trained on objaverse, shapenet; seen in training: all of 20 reference shapes.",
        "old result: training data not said, may hold reference shapes.",
    ]
    for table in (generated, further):
        assert [note for note in table.notes if "train" in note] == expected
    assert expected[0].replace("nano, scrambled", "back") in reconstructed.notes


def test_a_result_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="kind 'cooking'"):
        all_tables(read_rows([write_result(tmp_path, "nano", generation(0.5), "cooking")]))


def test_the_command_writes_three_forms_of_the_same_numbers(tmp_path: Path) -> None:
    results = [write_result(tmp_path, "nano", generation(0.5)), reconstruction(tmp_path)]
    main([*map(str, results), "--out", str(tmp_path / "out" / "household-seed1.5")])
    folder = tmp_path / "out"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"household-seed1.5.{kind}" for kind in ("csv", "md", "tex")
    ]
    with (folder / "household-seed1.5.csv").open() as file:
        lines = {(line["row"], line["group"], line["metric"]): line for line in csv.DictReader(file)}
    assert float(lines["nano", "all", "cov_cd"]["value"]) == 0.25
    assert float(lines["reconstruction", "chair", "iou"]["value"]) == 0.5
    assert lines["reconstruction", "source household", "cd"]["value"] == ""
    assert "25.0<br>" in (folder / "household-seed1.5.md").read_text()
    assert r"25.0 & " in (folder / "household-seed1.5.tex").read_text()


def test_tables_have_the_same_bytes_twice(tmp_path: Path) -> None:
    results = [str(write_result(tmp_path, "nano", generation(0.5))), str(reconstruction(tmp_path))]
    for out in ("a", "b"):
        main([*results, "--out", str(tmp_path / out)])
    for kind in ("md", "csv", "tex"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_a_bad_result_leaves_earlier_tables_alone(tmp_path: Path) -> None:
    good = write_result(tmp_path, "nano", generation(0.5))
    main([str(good), "--out", str(tmp_path / "t")])
    before = (tmp_path / "t.md").read_bytes()
    good.write_text(json.dumps({"schema": 7}))
    with pytest.raises(ValueError, match="schema 7"):
        main([str(good), "--out", str(tmp_path / "t")])
    assert (tmp_path / "t.md").read_bytes() == before


def test_latex_signs_are_made_plain() -> None:
    assert escape(r"50% of a_b & c # $x {y} \z ~^") == (
        r"50\% of a\_b \& c \# \$x \{y\} \textbackslash{}z \textasciitilde{}\textasciicircum{}"
    )
    text = latex(Table("a_b", [Cell("x"), Cell("50%")], [[Cell("r&d"), Cell("1", "0 – 2", True)]], ["100%"]))
    assert r"\caption{a\_b}" in text
    assert "\\toprule\nx & 50\\% \\\\\n\\midrule\nr\\&d & \\textbf{1} \\\\\n & {\\scriptsize 0 -- 2} \\\\\n" in text


@given(st.text(alphabet=st.characters(codec="ascii")))
def test_no_name_breaks_a_markdown_row(name: str) -> None:
    text = markdown(Table("t", [Cell("row"), Cell("n")], [[Cell(name), Cell("1")]]))
    row = text.splitlines()[-1]
    assert row.replace("\\|", "").count("|") == 3


def test_readme_block_is_replaced_and_nothing_else() -> None:
    readme = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = with_table(readme, "new\n")
    assert once == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert with_table(once, "new\n") == once


@pytest.mark.parametrize("readme", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_readme_without_its_marks_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="README needs one"):
        with_table(readme, "new\n")


def test_readme_shows_the_generated_table() -> None:
    readme, whole = ((ROOT / name).read_text() for name in ("README.md", "reports/tables/objects.md"))
    table = whole.split(f"\n**{FURTHER}**")[0]
    assert with_table(readme, table) == readme, "run make reproduce-tables"


def test_every_kind_of_distance_is_named_for_what_it_is(tmp_path: Path) -> None:
    approximate = {key.replace("_emd", "_emd_squared_approx"): entry for key, entry in generation(0.5).items()}
    approximate["ecd_cd"]["p_value"] = 0.03
    rows = read_rows([write_result(tmp_path, "nano", approximate)])
    text = markdown(all_tables(rows)[0])
    assert "MMD-approx. squared EMD" in text and "MMD-CD" in text and "MMD-EMD" not in text
    assert "approx. squared EMD (approximate matching) on 256 points" in text and "(exact)" not in text
    lines = {line["metric"]: line["p_value"] for line in csv.DictReader(csv_text(rows).splitlines())}
    assert lines["ecd_cd"] == "0.03" and lines["mmd_cd"] == ""


def test_further_measures_have_a_table_of_their_own(tmp_path: Path) -> None:
    metrics = generation(0.5)
    assert all(table.caption != FURTHER for table in all_tables(read_rows([write_result(tmp_path, "a", metrics)])))
    metrics |= {"jsd": metric(0.02, 0.01, 0.03), "frechet_1a2b3c4d": metric(1.5, 1.0, 2.0)}
    metrics["one_nna_cd"]["p_value"] = 0.0004
    metrics["ecd_cd"]["p_value"] = 0.3
    paths = [write_result(tmp_path, "nano", metrics), write_result(tmp_path, "scrambled", generation(0.1))]
    text = render(*paths)
    line = next(line for line in text.split(FURTHER)[1].splitlines() if line.startswith("| nano"))
    assert "2.00<br>" in line and "1.500<br>" in line and "| 0.0004 | 0.30 |" in line
    assert "Fréchet 1a2b3c4d" in text and "p of 1-NNA-CD" in text and "p of ECD-EMD" not in text
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\n{END}\n")
    main([*map(str, paths), "--out", str(tmp_path / "t"), "--readme", str(readme)])
    assert FURTHER not in readme.read_text() and FURTHER in (tmp_path / "t.md").read_text()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_text_of_a_csv_is_a_formula(tmp_path: Path, start: str) -> None:
    evil = f'{start}HYPERLINK("http://evil","x")'
    metrics = {evil: metric(-0.5, None, None) | {"unit": evil}}
    groups = {evil: {"count": 1.0, evil: -0.5}}
    path = write_result(tmp_path, "nano", metrics, "generation", groups, protocol=PROTOCOL | {"name": evil})
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": evil}))
    cells = [cell for line in csv.reader(io.StringIO(csv_text(read_rows([path])))) for cell in line]
    assert cells.count(f"'{evil}") == 8 and evil not in cells
    assert cells.count("-0.5") == 2
