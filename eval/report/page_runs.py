"""Result files by run: which belong to one table, what was asked, found and failed, what it cost, who typed what."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argus3d.data.files import is_text, read_json_object, shown
from argus3d.errors import UserError
from eval.report.markup import Cell, Table
from eval.report.rows import ROLES, Row, read_rows
from eval.report.task_tables import TASKS
from eval.result_file import is_number
from eval.results import RECORD, record_path

OTHERWISE = "measure again, or remove it"


@dataclass(frozen=True)
class Run:
    """Results of one folder, its sub-folders included; `records` say for each row how it was made, {} where unknown."""

    name: str
    rows: Sequence[Row]
    records: Sequence[Mapping[str, Any]]


def read_runs(given: Sequence[Path]) -> list[Run]:
    """Runs in the order of the files and folders given; of a folder, generators come before what they compare with.

    Raises : FileNotFoundError, or ValueError for a folder without results, a file that is no result, or a run measured
        by several protocols
    """
    paths = [path for one in given for path in _results(one)]
    folders = {path.parent for path in paths}
    homes = {folder: _outermost(folder, folders) for folder in folders}
    runs: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(paths):
        runs.setdefault(homes[path.parent], []).append(path)
    names = _names(list(runs))
    return [_run(names[home], mine) for home, mine in runs.items()]


def counts_table(run: Run) -> Table:
    """How many shapes each row asked for, how many were found, and why the others failed."""
    return Table(
        caption=f"Asked, found, failed: {run.name}",
        header=[*map(Cell, ("row", "result", "asked", "found", "failed", "reference", "why"))],
        rows=[
            [
                *(Cell(text) for text in (row.title, row.kind, f"{row.asked:,}", f"{row.found:,}")),
                *(Cell(f"{number:,}") for number in (row.asked - row.found, row.reference)),
                Cell("; ".join(_reasons(row)) or "—"),
            ]
            for row in run.rows
        ],
    )


def cost_table(run: Run) -> Table | None:
    """Seconds and commands of the rows whose run records are there; None where no row has one."""
    known = [(row, record) for row, record in zip(run.rows, run.records, strict=True) if record]
    if not known:
        return None
    return Table(
        caption=f"What measuring cost: {run.name}",
        header=[Cell("row"), Cell("seconds"), Cell("command")],
        rows=[
            [Cell(row.title), Cell(f"{record.get('seconds', 0):,.1f}"), Cell(str(record.get("command") or "not said"))]
            for row, record in known
        ],
        notes=[*_machines([record for _, record in known]), "Seconds of wall time; sampling is not among them."],
    )


def _run(name: str, paths: Sequence[Path]) -> Run:
    """Rows in the order of tables, which are by kind, with their records."""
    order = ["generation", "reconstruction", *TASKS]
    read = zip(read_rows(paths), map(_record, paths), strict=True)
    placed = sorted(read, key=lambda one: order.index(one[0].kind) if one[0].kind in order else len(order))
    return Run(name, [row for row, _ in placed], [record for _, record in placed])


def _results(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = [one for one in shown(path.rglob("*.json")) if not one.name.endswith(RECORD)]
    if not found:
        raise ValueError(f"{path} holds no results; name result files, or the folder of a run")
    order = list(ROLES)
    return sorted(found, key=lambda one: order.index(one.stem) if one.stem in order else -1)


def _outermost(folder: Path, folders: set[Path]) -> Path:
    return next((other for other in reversed(folder.parents) if other in folders), folder)


def _names(homes: Sequence[Path]) -> dict[Path, str]:
    """The name of each folder, with as much of its path as tells it from the others."""
    parts = {home: home.absolute().parts for home in homes}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        names = {home: "/".join(own[-length:]) for home, own in parts.items()}
        if len(set(names.values())) == len(names):
            return names
    return {home: str(home) for home in homes}


def _record(path: Path) -> dict[str, Any]:
    record = record_path(path)
    if not record.is_file():
        return {}
    said = read_json_object(record, OTHERWISE)
    seconds, machine, versions = said.get("seconds", 0), said.get("machine", {}), said.get("versions", {})
    if not is_number(seconds) or not isinstance(machine, dict) or not isinstance(versions, dict):
        raise UserError(f"{record}: its seconds, machine or versions are damaged; {OTHERWISE}.")
    if not is_text(json.dumps(said, ensure_ascii=False)):
        raise UserError(f"{record}: it holds halves of letters, which cannot be written; {OTHERWISE}.")
    return said


def _reasons(row: Row) -> Iterator[str]:
    """Reasons with how often each was given, the most frequent first."""
    found = Counter(why for _, why in row.failed)
    yield from (f"{times:,} × {why}" for why, times in found.most_common())


def _machines(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Machine and versions, once for all that share them."""
    said = []
    for record in records:
        machine, versions = record.get("machine", {}), record.get("versions", {})
        words = [f"{machine.get('cores', '?')} cores ({machine.get('processor', 'processor not said')})"]
        words += [f"{name} {version}" for name, version in sorted(versions.items())]
        said.append(", ".join(words) + ".")
    yield from dict.fromkeys(said)
