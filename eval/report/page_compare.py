"""What the page needs to lay any two rows side by side."""

import math
from collections.abc import Sequence
from typing import Any

from eval.report.cells import number
from eval.report.columns import ARROWS, NETWORK_METRICS, Column, of_network
from eval.report.page_runs import Run
from eval.report.rows import Row, Value
from eval.report.sweeps import KNOWN

# More various is not better.
UNDECIDED = "tmd"


def comparison(runs: Sequence[Run]) -> dict[str, Any]:
    """Columns in the order of tables, and of every row its numbers as they are printed and as they compare.

    returns : plain JSON values; a value's `loss` is (value, low, high) where lower is better, null without interval
    """
    every = [(run, row) for run in runs for row in run.rows]
    keys = {key for _, row in every for key in row.metrics}
    columns = {key: column for key, column in _columns(keys).items() if key in keys}
    directions = {key: value.direction for _, row in every for key, value in row.metrics.items()}
    return {
        "columns": [
            {
                "key": key,
                "title": f"{column.title} {ARROWS[directions[key]]}",
                "sign": column.sign,
                "scale": column.scale,
                "decimals": column.decimals,
                "decides": not key.startswith(UNDECIDED),
            }
            for key, column in columns.items()
        ],
        "rows": [_row(run, row, columns) for run, row in every],
    }


def _columns(keys: set[str]) -> dict[str, Column]:
    networks = sorted(key for key in keys if key.split("_")[0] in NETWORK_METRICS)
    return {**KNOWN, **{key: of_network(key) for key in networks}}


def _row(run: Run, row: Row, columns: dict[str, Column]) -> dict[str, Any]:
    return {
        "run": run.name,
        "title": row.title,
        "role": row.role,
        "kind": row.kind,
        "found": row.found,
        "protocol": f"{row.protocol['name']} ({row.protocol['hash'][:12]})",
        "reference": row.made.get("reference", ""),
        "values": {key: _value(row.metrics[key], column) for key, column in columns.items() if key in row.metrics},
    }


def _value(value: Value, column: Column) -> dict[str, Any]:
    known = math.isfinite(value.low) and math.isfinite(value.high) and math.isfinite(value.value)
    return {
        "value": value.value if math.isfinite(value.value) else None,
        "text": number(value.value, column),
        "interval": f"{number(value.low, column)} – {number(value.high, column)}" if known else "",
        "loss": list(value.loss()) if known else None,
    }
