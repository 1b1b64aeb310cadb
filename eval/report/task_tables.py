"""Tables of results of tasks: completion, guided generation, memorisation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from eval.report.cells import cell, count, general_notes, header, number, own_notes, row_cell, training_notes, unit_note
from eval.report.columns import COMPLETION, GUIDED, MEMORISATION, NETWORK_NOTE, Column, any_has, network_columns
from eval.report.markup import Cell, Table
from eval.report.rows import Row, better

LESS = "less_"  # begins the keys of differences
BY_CLASS = "Share of samples that a classifier takes for the class they were made for"
COMPLETION_NOTE = (
    "TMD: how much completions of one part differ, higher is more various, not better; that of the shapes drawn anew "
    "is noise alone. UHD: the farthest point of the part from the completion. MMD: of each shape to the nearest of all "
    "completions; own MMD and AMD: to the nearest and the mean of its own."
)
GUIDED_NOTE = (
    "AMD: distance of samples to the very shape whose description guided them, own MMD: of the nearest of them, MMD: "
    "of the nearest of all samples. TMD: how much samples of one description differ."
)
DIFFERENCE_NOTE = "Below 0, this guidance has less; measured shape by shape, so that what both share falls out."
MEMORISATION_NOTE = (
    "novelty: median distance to the nearest training shape, over that of training shapes to their nearest other; "
    "nearly copies: nearer than the 5% nearest of training shapes are; farther: probability to lie farther from the "
    "training set than a training shape from the rest of it. The row of training shapes drawn anew is what copies have."
)


def _completion(rows: Sequence[Row]) -> list[Table]:
    return [_table("Completed parts against the shapes they were cut from", rows, COMPLETION, COMPLETION_NOTE)]


def _guided(rows: Sequence[Row]) -> list[Table]:
    networks = network_columns(rows)
    caption = "Samples guided by shapes of the reference against these shapes"
    notes = [GUIDED_NOTE, _classifier_note(rows), *([NETWORK_NOTE] if networks else []), *_encoder_notes(rows)]
    table = _table(caption, rows, (*GUIDED, *networks), *notes)
    return [table, *_differences(rows, (*GUIDED, *networks)), *_by_class(rows)]


def _memorisation(rows: Sequence[Row]) -> list[Table]:
    columns = [column for column in MEMORISATION if any_has(rows, column)]
    return [
        Table(
            caption="Samples beside the training set",
            header=[Cell("row"), Cell("n"), *(header(column, rows) for column in columns)],
            rows=[[row_cell(row), count(row), *(cell(row.metrics.get(c.key), c) for c in columns)] for row in rows],
            notes=[*general_notes(rows), MEMORISATION_NOTE, *own_notes(rows)],
        )
    ]


# The tables of each kind of result.
TASKS: Mapping[str, Callable[[Sequence[Row]], list[Table]]] = {
    "completion": _completion,
    "guided": _guided,
    "memorisation": _memorisation,
}


def _table(caption: str, rows: Sequence[Row], columns: Sequence[Column], *notes: str) -> Table:
    there = [column for column in columns if any_has(rows, column)]
    # More various is not better, so nothing wins by it.
    winners = {column.key: better(rows, column.key) for column in there if not column.key.startswith("tmd")}
    return Table(
        caption=caption,
        header=[Cell("row"), Cell("n"), *(header(column, rows) for column in there)],
        rows=[
            [
                row_cell(row),
                count(row),
                *(cell(row.metrics.get(column.key), column, winners.get(column.key) == row.name) for column in there),
            ]
            for row in rows
        ],
        notes=[
            *general_notes(rows), unit_note(rows, there), *filter(None, notes), *training_notes(rows), *own_notes(rows),
        ],
    )  # fmt: skip


def _differences(rows: Sequence[Row], columns: Sequence[Column]) -> list[Table]:
    """One guidance less another, where rows were measured against others."""
    against = [row for row in rows if "against" in row.made]
    twins = [replace(column, key=LESS + column.key) for column in columns]
    there = [column for column in twins if any_has(against, column)]
    if not there:
        return []
    return [
        Table(
            caption="One guidance less another, for the same shapes",
            header=[Cell("row"), *(header(column, against) for column in there)],
            rows=[
                [
                    Cell(f"{row.title} less {row.made['against']}"),
                    *(cell(row.metrics.get(column.key), column, _is_apart(row, column)) for column in there),
                ]
                for row in against
            ],
            notes=[DIFFERENCE_NOTE, "Bold: the interval is on one side of 0."],
        )
    ]


def _is_apart(row: Row, column: Column) -> bool:
    entry = row.metrics.get(column.key)
    return entry is not None and (entry.low > 0 or entry.high < 0)


def _by_class(rows: Sequence[Row]) -> list[Table]:
    """Class agreement by class, beside how well the classifier tells the reference's and its own test shapes."""
    column = next(column for column in GUIDED if column.key == "class_agreement")
    shown = [row for row in rows if any(column.key in means for means in row.groups.values())]
    if not shown:
        return []
    classes = sorted({category for row in shown for category in row.groups})
    lines = []
    for category in classes:
        means = [row.groups.get(category, {}) for row in shown]
        numbers = [number(own.get(column.key, float("nan")), column) for own in means]
        truth = [
            number(next((own[key] for own in means if key in own), float("nan")), column)
            for key in ("classifier_accuracy", "classifier_test")
        ]
        size = next(own["count"] for own in means if own)
        lines.append([Cell(category), Cell(f"{size:.0f}"), *map(Cell, (*numbers, *truth))])
    heads = [*(row.title for row in shown), "the shapes themselves", "its own test shapes"]
    return [
        Table(
            caption=BY_CLASS,
            header=[Cell("class"), Cell("shapes"), *(Cell(head, "%") for head in heads)],
            rows=lines,
            notes=["Classifier: the point network that comes with argus3d; — where it does not know the class."],
        )
    ]


def _classifier_note(rows: Sequence[Row]) -> str:
    """How often the classifier is right where the truth is known."""
    for row in rows:
        own = [row.metrics.get(f"classifier_accuracy{which}") for which in ("", "_reliable")]
        if own[0] is not None:
            both = [f"{entry.value:.1%}" if entry else "—" for entry in own]
            return (
                f"Class agreement: by a classifier that is right on {both[0]} of the reference shapes themselves; "
                f"reliable classes: those on which it is right for 85% of them or more, {both[1]} together."
            )
    return ""


def _encoder_notes(rows: Sequence[Row]) -> Iterator[str]:
    """Which encoder the hash of a column of views is of, and how samples were guided."""
    encoders = {key: name for row in rows for key, name in row.made.items() if key.startswith("views_")}
    yield from (f"{key.replace('_', ' ')}: features of rendered views by {name}." for key, name in encoders.items())
    for row in rows:
        said = [f"{key} {row.made[key]}" for key in ("by", "guidance", "encoders") if key in row.made]
        if said:
            yield f"{row.title}: {', '.join(said)}."
