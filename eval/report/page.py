"""Results, pictures and shapes as one HTML page that needs nothing else."""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from argus3d.data.files import shown, write_atomically
from eval.outputs import demand_apart
from eval.report.markup import Table
from eval.report.page_compare import comparison
from eval.report.page_markdown import read_tables
from eval.report.page_pictures import Picture, figure, sheet
from eval.report.page_protocol import protocol_words
from eval.report.page_published import published_tables, read_published
from eval.report.page_runs import Run, cost_table, counts_table, read_runs
from eval.report.page_shapes import Given, shapes
from eval.report.page_tables import PageTable, page_table
from eval.report.tables import all_tables

ASSETS = Path(__file__).parent / "page_assets"
SHAPES_BUDGET = 2_600_000  # characters, about 80 samples beside their nearest training shapes
LARGEST = 10_000_000  # bytes of a page; browsers on phones get slow beyond


@dataclass(frozen=True)
class Page:
    """What the page is made of; `command` is how it was made."""

    runs: Sequence[Run]
    published: Sequence[Table]
    cost: Sequence[Table]
    more: Sequence[Table]
    figures: Sequence[Picture]
    sheets: Sequence[Picture]
    shapes: dict[str, Any] | None
    command: str


def main(argv: Sequence[str]) -> int:
    """`argus3d-eval page`: write one HTML file with everything in it."""
    parser = argparse.ArgumentParser(prog="argus3d-eval page", description="One HTML page of results, without network.")
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULT", help="result JSON, or a folder of them; a folder is a run"
    )
    parser.add_argument("--published", type=Path, help="CSV of published rows, to stand beside")
    parser.add_argument("--figure", action="append", type=Path, default=[], help="a .png or .svg; may be given again")
    parser.add_argument("--sheet", action="append", type=Path, default=[], help="a contact sheet; may be given again")
    parser.add_argument("--cost", type=Path, help="README with cost tables between marks")
    parser.add_argument(
        "--more", action="append", type=Path, default=[],
        help="Markdown of argus3d-eval table, such as sweeps; may be given again",
    )  # fmt: skip
    parser.add_argument(
        "--samples", action="append", nargs="+", default=[], metavar=("FOLDER", "NEAREST"),
        help="a folder of samples to turn, and the JSON of argus3d-eval nearest; may be given again",
    )  # fmt: skip
    parser.add_argument("--data-root", type=Path, help="folder of prepared data, for the nearest training shapes")
    parser.add_argument("--out", type=Path, required=True, help="an .html")
    arguments = parser.parse_args(argv)
    if any(len(words) > 2 for words in arguments.samples):
        parser.error("--samples takes a folder and at most one JSON of nearest training shapes")
    if any(len(words) == 2 for words in arguments.samples) and not arguments.data_root:
        parser.error("nearest training shapes are read from prepared data: name their folder with --data-root")
    demand_apart([arguments.out], _inputs(arguments))
    write_atomically(arguments.out, page_html(_gather(arguments, shlex.join(["argus3d-eval", "page", *argv]))))
    return 0


def _inputs(arguments: argparse.Namespace) -> Iterator[Path]:
    """Files that the page is made of, those in folders of results included."""
    for path in arguments.results:
        yield from shown(path.rglob("*.json")) if path.is_dir() else [path]
    yield from filter(None, [arguments.published, arguments.cost])
    yield from (*arguments.figure, *arguments.sheet, *arguments.more)
    yield from (Path(word) for words in arguments.samples for word in words)


def _gather(arguments: argparse.Namespace, command: str) -> Page:
    runs = read_runs(arguments.results)
    given = [Given(Path(words[0]), Path(words[1]) if words[1:] else None) for words in arguments.samples]
    return Page(
        runs=runs,
        published=published_tables(read_published(arguments.published), runs) if arguments.published else [],
        cost=read_tables(arguments.cost) if arguments.cost else [],
        more=[table for path in arguments.more for table in read_tables(path)],
        figures=[figure(path) for path in arguments.figure],
        sheets=[sheet(path) for path in arguments.sheet],
        shapes=shapes(given, arguments.data_root, SHAPES_BUDGET) if given else None,
        command=command,
    )


def page_html(page: Page) -> bytes:
    """The page, the same bytes for the same content.

    Raises : ValueError for a page larger than LARGEST
    """
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    measuring = [table for table in map(cost_table, page.runs) if table]
    text = environment.get_template("page.html").render(
        page=page,
        results=[(run, _ready(all_tables(run.rows), f"run-{place}")) for place, run in enumerate(page.runs)],
        published=_ready(page.published, "published"),
        more=_ready(page.more, "more"),
        counts=_ready([counts_table(run) for run in page.runs], "counts"),
        cost=_ready([*measuring, *page.cost], "cost"),
        recorded=bool(measuring),
        protocols=_protocols(page.runs),
        compared=comparison(page.runs),
        style=_asset("page.css"),
        scripts=[_asset(name) for name in ("tables.js", "compare.js", "shapes.js", "stage.js", "viewer.js")],
    )
    content = text.encode()
    if len(content) > LARGEST:
        size, most = len(content) / 1e6, LARGEST / 1e6
        raise ValueError(
            f"the page would be {size:.1f} MB, more than {most:.0f}; leave sheets or folders of samples out"
        )
    return content


def _ready(tables: Sequence[Table], name: str) -> list[PageTable]:
    return [page_table(table, f"{name}-{place}") for place, table in enumerate(tables)]


def _protocols(runs: Sequence[Run]) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """Name, hash, runs and words of each protocol, once."""
    by_hash = {run.rows[0].protocol["hash"]: run.rows[0].protocol for run in runs}
    users = {key: ", ".join(run.name for run in runs if run.rows[0].protocol["hash"] == key) for key in by_hash}
    return [(said["name"], key, users[key], protocol_words(said)) for key, said in by_hash.items()]


def _asset(name: str) -> str:
    """A file of our own, which the template takes as it is."""
    return (ASSETS / name).read_text(encoding="utf-8")
