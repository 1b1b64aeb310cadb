"""What readers of results, sweeps and logs go on to: the tables and points that are made of their values."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.report.curves import MOST, points, read_log
from eval.report.markup import Table, latex, markdown
from eval.report.page_compare import comparison
from eval.report.page_protocol import protocol_words
from eval.report.page_runs import counts_table, read_runs
from eval.report.page_tables import page_table
from eval.report.sensitivity_tables import csv_text as sensitivity_csv
from eval.report.sensitivity_tables import read_pairs, sensitivity_tables
from eval.report.sweeps import read_sweep, sweep_table
from eval.report.tables import all_tables, csv_text
from eval.results import read


def laid_out_result(path: Path) -> object:
    """By both readers, either of which may refuse, and all that is made of rows but figures."""
    (run,) = read_runs([path])
    tables = [*all_tables(run.rows), counts_table(run)]
    page = comparison([run]), [protocol_words(row.protocol) for row in run.rows]
    laid_out(tables, csv_text(run.rows), json.dumps(page, allow_nan=False))
    return read(path)


def laid_out(tables: Sequence[Table], *more: str) -> None:
    """Tables in all their forms; every text of them can be written."""
    forms = [text for table in tables for text in (markdown(table), latex(table), repr(page_table(table, "x")))]
    for text in (*forms, *more):
        text.encode()


def laid_out_sweep(path: Path) -> object:
    sweep = read_sweep(path)
    laid_out([sweep_table(sweep)], csv_text(sweep.rows))
    return sweep


def laid_out_pairs(path: Path) -> object:
    pairs = read_pairs(path)
    laid_out([table for pair in pairs for table in sensitivity_tables(pair)], sensitivity_csv(pairs))
    return pairs


def points_of_log(path: Path) -> object:
    """What would be drawn of a log, without drawing."""
    lines = read_log(path)
    names = list(lines[-1])[:MOST]
    return [np.array(points(lines, name)).max() for name in names]
