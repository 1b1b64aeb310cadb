"""What the page's tables are made of: places on a scale, runs, counts, cost, published rows, protocol, Markdown."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus3d.errors import UserError
from eval.protocol import CHOICES, PRESETS
from eval.report.markup import Cell, Table, markdown
from eval.report.page_compare import comparison
from eval.report.page_markdown import read_tables
from eval.report.page_protocol import protocol_words
from eval.report.page_published import published_tables, read_published
from eval.report.page_runs import cost_table, counts_table, read_runs
from eval.report.page_tables import page_table, place_between
from eval.report.rows import Value
from eval.report.tables import all_tables
from tests.eval.report.page_inputs import write_published, write_run
from tests.eval.report.results import PROTOCOL, generation, metric, write_result


def value(number: float, spread: float = 0.0, direction: str = "lower", ideal: float | None = None) -> Value:
    return Value(number, number - spread, number + spread, direction, ideal, "")


# --- shades ---


@settings(deadline=None)
@given(st.floats(0, 10), st.floats(0, 10), st.booleans())
def test_places_are_within_the_scale_and_rise_with_quality(a: float, b: float, logarithmic: bool) -> None:
    floor, ceiling = value(9, 0.5), value(1, 0.5)
    places = [place_between(value(number), floor, ceiling, logarithmic) for number in sorted((a, b))]
    assert all(place is not None and 0 <= place <= 1 for place in places)
    if not logarithmic or min(a, b) > 0:
        assert places[0] is not None and places[1] is not None and places[0] >= places[1]


def test_ends_are_at_the_ends_whatever_the_direction() -> None:
    for worst, best in (
        (value(9, 1), value(1, 1)),
        (value(0.1, 0.05, "higher", 1.0), value(0.9, 0.05, "higher", 1.0)),
        (value(0.99, 0.01, "towards", 0.5), value(0.45, 0.02, "towards", 0.5)),
    ):
        assert place_between(worst, worst, best) == 0
        assert place_between(best, worst, best) == 1
    half = place_between(
        value(0.75, 0, "towards", 0.5), value(1.0, 0.01, "towards", 0.5), value(0.5, 0.01, "towards", 0.5)
    )
    assert half == pytest.approx(0.5)


def test_ends_whose_intervals_meet_or_that_are_the_wrong_way_round_make_no_scale() -> None:
    assert place_between(value(2), value(3, 1), value(1, 1)) is None
    assert place_between(value(2), value(1, 0.1), value(3, 0.1)) is None
    assert place_between(value(2), value(math.nan), value(1, 0.1)) is None


def test_rows_are_shaded_from_floor_to_ceiling_and_half_sets_are_not(tmp_path: Path) -> None:
    run = read_runs([write_run(tmp_path / "run")])[0]
    table = page_table(all_tables(run.rows)[0], "one")
    places = {
        line.name.text: next(field.place for field in line.fields if field.key == "cov_cd") for line in table.lines
    }
    assert places["scrambled"] == "0%"
    assert places["reconstructed training set"] == "100%"
    assert places["reference vs itself"] is None
    assert 0 < int(str(places["other"])[:-1]) < int(str(places["nano"])[:-1]) < 100
    assert {line.name.text: line.end for line in table.lines}["scrambled"] == "floor"


def test_without_floor_and_ceiling_nothing_is_shaded(tmp_path: Path) -> None:
    paths = [write_result(tmp_path, name, generation(0.5)) for name in ("nano", "scrambled")]
    table = page_table(all_tables(read_runs(paths)[0].rows)[0], "one")
    assert {field.place for line in table.lines for field in line.fields} == {None}
    assert not any("Shade" in note for note in table.notes)


def test_an_interval_that_holds_the_ideal_is_said(tmp_path: Path) -> None:
    metrics = {"one_nna_cd": metric(0.53, 0.46, 0.6, "towards", 0.5), "cov_cd": metric(0.4, 0.3, 0.5, "higher", 1.0)}
    table = page_table(all_tables(read_runs([write_result(tmp_path, "nano", metrics)])[0].rows)[0], "one")
    assert {field.key: field.holds_ideal for field in table.lines[0].fields if field.key} == {
        "one_nna_cd": True,
        "cov_cd": False,
    }


def test_columns_sort_by_numbers_behind_texts_and_numbers_with_units_are_words() -> None:
    texts = [["a", "1,234", "70 ms", "144 of 315", "—"], ["b", "9", "1.32 s", "20", "3%"]]
    table = page_table(Table("t", [*map(Cell, "nabcd")], [[*map(Cell, row)] for row in texts]), "one")
    assert [[field.order for field in line.fields] for line in table.lines] == [
        ["1234", "", "144", ""],
        ["9", "", "20", "3"],
    ]
    assert [head.style for head in table.heads] == ["words", "", "words", "", ""]


# --- runs ---


def test_a_run_is_a_folder_with_its_sub_folders_and_generators_come_first(tmp_path: Path) -> None:
    one, two = write_run(tmp_path / "one"), write_run(tmp_path / "two")
    (one / "copies").mkdir()
    write_result(one / "copies", "training_set", {"novelty_ratio": metric(1, 0.9, 1.1)}, "memorisation")
    runs = read_runs([one, two])
    assert [run.name for run in runs] == ["one", "two"]
    names = [row.name for row in runs[0].rows]
    assert names[:4] == ["nano", "nearly", "other", "training_set"]
    assert names[-2:] == ["reconstruction", "training_set"]
    files = read_runs([one / "scrambled.json", one / "nano.json", one / "copies" / "training_set.json"])
    assert [[row.name for row in run.rows] for run in files] == [["scrambled", "nano", "training_set"]]


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / parent / "run") for parent in ("a", "b")]
    assert [run.name for run in read_runs(paths)] == ["a/run", "b/run"]


def test_a_run_has_one_protocol_and_results(tmp_path: Path) -> None:
    write_result(tmp_path, "one", generation(0.5))
    write_result(tmp_path, "two", generation(0.5), protocol=PROTOCOL | {"name": "smoke", "hash": "cd" * 32})
    with pytest.raises(ValueError, match="different protocols"):
        read_runs([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no results"):
        read_runs([tmp_path / "empty"])


def test_failures_are_counted_by_reason(tmp_path: Path) -> None:
    path = write_result(tmp_path, "nano", generation(0.5), found=17)
    content = json.loads(path.read_text())
    content["counts"]["generated"]["failed"] = [["a", "empty"], ["b", "broken"], ["c", "empty"]]
    path.write_text(json.dumps(content))
    row = counts_table(read_runs([path])[0]).rows[0]
    assert [cell.text for cell in row] == ["nano", "generation", "20", "17", "3", "20", "2 × empty; 1 × broken"]


def test_cost_is_what_records_say(tmp_path: Path) -> None:
    run = read_runs([write_run(tmp_path / "run")])[0]
    table = cost_table(run)
    assert table is not None
    assert [cell.text for cell in table.rows[0]] == ["nano", "12.5", "argus3d-eval score nano"]
    assert table.notes[0] == "2 cores (x86_64), numpy 2.0."
    (tmp_path / "run" / "nano.run.json").write_text("[")
    with pytest.raises(UserError, match=r"nano\.run\.json is not JSON"):
        read_runs([tmp_path / "run"])
    for content, reason in (
        ('{"seconds": "12"}', "its seconds, machine or versions are damaged"),
        (f'{{"seconds": 1{"0" * 400}}}', "its seconds, machine or versions are damaged"),
        ('{"command": "\\ud800"}', "it holds halves of letters"),
    ):
        (tmp_path / "run" / "nano.run.json").write_text(content)
        with pytest.raises(UserError, match=rf"nano\.run\.json: {reason}"):
            read_runs([tmp_path / "run"])
    (tmp_path / "run" / "nano.run.json").unlink()
    assert cost_table(read_runs([tmp_path / "run"])[0]) is None


# --- published rows ---


def test_published_rows_stand_beside_ours_with_their_marks(tmp_path: Path) -> None:
    run = read_runs([write_run(tmp_path / "run")])[0]
    tables = published_tables(read_published(write_published(tmp_path / "p.csv")), [run])
    assert [table.caption for table in tables] == ["Published, unconditional", "Published, speed"]
    rows = {row[0].text: row for row in tables[0].rows}
    assert list(rows) == ["nano", "nearly", "other", "Theirs", "Theirs by hearsay"]
    assert [cell.text for cell in rows["nano"]][:5] == ["nano", "run", "measured here", "70.0", ""]
    assert [cell.text for cell in rows["Theirs"]] == ["Theirs", "chair", "T", "58.5", "3.1", "a paper"]
    assert rows["Theirs by hearsay"][2].below == "unverified"
    assert rows["Theirs by hearsay"][0].end == "unverified"
    assert len(tables[1].rows) == 1  # nothing of ours is a speed


def test_a_mark_of_provenance_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = write_published(tmp_path / "p.csv")
    path.write_text(path.read_text().replace(",S,", ",X,"))
    with pytest.raises(ValueError, match="provenance 'X' of Theirs by hearsay"):
        read_published(path)
    path.write_text("method,value\n")
    with pytest.raises(ValueError, match="columns must be"):
        read_published(path)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (b"a" * 140_000, "is no CSV in UTF-8"), (b"\xff", "is no CSV in UTF-8"), (b"a,b", "more or fewer fields"),
        (b"a,b,c,d,e,f,g,P,i,j", "more or fewer fields"), (b"a,b,c,d,e,f,g,P,i\n" * 2000, "more than 1,000"),
    ],
)  # fmt: skip
def test_what_is_no_table_of_published_rows_is_refused_by_name(tmp_path: Path, more: bytes, reason: str) -> None:
    path = write_published(tmp_path / "p.csv")
    path.write_bytes(path.read_bytes() + more)
    with pytest.raises(ValueError, match=rf"p\.csv.*{reason}"):
        read_published(path)


def test_the_published_rows_of_the_project_are_read() -> None:
    entries = read_published(Path(__file__).parents[3] / "reports" / "published.csv")
    assert sum(len(table.rows) for table in published_tables(entries, [])) > 100


# --- protocol ---


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_put_into_words(name: str) -> None:
    words = dict(protocol_words(PRESETS[name].to_json()))
    assert f"{PRESETS[name].points:,} points" in words["Points"]
    assert f"{PRESETS[name].emd_points:,} of the points" in words["Earth mover's distance (EMD)"]
    assert ("Not known of the original" in words) == bool(PRESETS[name].unknowns)


@pytest.mark.parametrize("field", ["normalization", "chamfer", "emd", "emd_solver"])
def test_every_choice_has_words_of_its_own(field: str) -> None:
    said = {str(protocol_words({**PRESETS["smoke"].to_json(), field: choice})) for choice in CHOICES[field]}
    assert len(said) == len(CHOICES[field])


# --- comparison ---


def test_a_comparison_has_what_tables_print(tmp_path: Path) -> None:
    run = read_runs([write_run(tmp_path / "run")])[0]
    compared = comparison([run])
    assert [row["title"] for row in compared["rows"]] == [row.title for row in run.rows]
    nano, entry = compared["rows"][0], run.rows[0].metrics["one_nna_cd"]
    assert nano["values"]["one_nna_cd"] == {
        "value": entry.value,
        "text": "70.0",
        "interval": "68.0 – 72.0",
        "loss": list(entry.loss()),
    }
    json.dumps(compared, allow_nan=False)


def test_undefined_numbers_compare_as_nothing(tmp_path: Path) -> None:
    path = write_result(tmp_path, "nano", {"mmd_cd": metric(None, None, None)})
    values = comparison(read_runs([path]))["rows"][0]["values"]
    assert values["mmd_cd"] == {"value": None, "text": "—", "interval": "", "loss": None}


# --- Markdown ---

WORDS = st.text(st.sampled_from("ab |*_`<&.,↓×"), min_size=1, max_size=9).map(
    lambda text: f"x{' '.join(text.split())}y"
)
CELLS = st.builds(Cell, WORDS, WORDS | st.just(""), st.booleans())


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=2, max_size=4), st.lists(WORDS, max_size=2))
def test_tables_come_back_from_markdown(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[Cell]], notes: list[str]
) -> None:
    rows = [[replace(cell, bold=cell.bold and place > 0) for cell in row] for place, row in enumerate(rows)]
    path = tmp_path_factory.mktemp("markdown") / "two.md"
    path.write_text("\n".join(markdown(Table(f"A caption {place}", rows[0], rows[1:], notes)) for place in range(2)))
    first, second = read_tables(path)
    assert (first.caption, second.caption) == ("A caption 0", "A caption 1")
    assert [first.header, *first.rows] == rows
    assert list(second.notes) == notes


def test_of_a_readme_only_what_is_between_marks_is_shown(tmp_path: Path) -> None:
    table = "| a | b |\n| --- | ---: |\n| 1 | [2](elsewhere) |\n"
    path = tmp_path / "README.md"
    path.write_text(
        f"| not | this |\n| --- | --- |\n<!-- table:begin -->\n{table}<!-- table:end -->\n"
        f"<!-- data-cost:begin -->\nMeasured `here`,\non a core.\n\n{table}\nAnd so on.\n<!-- data-cost:end -->\n"
    )
    (found,) = read_tables(path)
    assert found.caption == "What preparing data costs"
    assert [[cell.text for cell in row] for row in found.rows] == [["1", "2"]]
    assert list(found.notes) == ["Measured here, on a core.", "And so on."]
    path.write_text("words")
    with pytest.raises(ValueError, match="holds no table"):
        read_tables(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "holds no table"), (b"\xff", "no text in UTF-8"), (b"| a | b |\n| --- |\n| 1 |\n", "fewer cells")],
)
def test_what_is_no_table_in_markdown_is_refused_by_name(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.md.*{reason}"):
        read_tables(path)


@pytest.mark.parametrize("cell", ["<br><sub>" * 20_000, "[" * 60_000, "[a](" * 20_000, "[a]" * 30_000])
def test_marks_that_are_never_closed_take_no_time(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "x.md"
    path.write_text(f"| a |\n| --- |\n| {cell} |\n")
    start = time.process_time()
    assert read_tables(path)[0].rows[0][0].text == cell.strip()
    assert time.process_time() - start < 2
