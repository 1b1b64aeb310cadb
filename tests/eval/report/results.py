"""Result files made up for the tests of reports."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROTOCOL = {"name": "argus3d-v1", "hash": "ab" * 32, "confidence": 0.95, "points": 2048, "emd_points": 256}


def metric(
    value: float | None, low: float | None, high: float | None, direction: str = "lower", ideal: float | None = None
) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "direction": direction, "ideal": ideal, "unit": ""}


def generation(quality: float) -> dict[str, Any]:
    """Metrics that all get worse as `quality` falls from 1 to 0, intervals 0.02 to either side in shares."""
    metrics = {}
    for distance in ("cd", "emd"):
        mmd, share, ecd = 0.01 * (2 - quality), 0.5 * quality, 5000 - 4990 * quality
        nna = 1 - 0.5 * quality
        metrics |= {
            f"mmd_{distance}": metric(mmd, mmd * 0.98, mmd * 1.02),
            f"cov_{distance}": metric(share, share - 0.02, share + 0.02, "higher", 1.0),
            f"one_nna_{distance}": metric(nna, nna - 0.02, min(1.0, nna + 0.02), "towards", 0.5),
            f"ecd_{distance}": metric(ecd, ecd * 0.9, ecd * 1.1, "lower", 2.0),
        }
    return metrics


def write_result(
    folder: Path,
    name: str,
    metrics: Mapping[str, Any],
    kind: str = "generation",
    groups: Mapping[str, Mapping[str, float | None]] | None = None,
    found: int = 20,
    notes: tuple[str, ...] = (),
    protocol: Mapping[str, Any] = PROTOCOL,
    data: Mapping[str, str] | None = None,
) -> Path:
    content = {
        "schema": 1,
        "name": name,
        "kind": kind,
        "protocol": protocol,
        "counts": {
            "generated": {"asked": 20, "found": found, "failed": []},
            "reference": {"asked": 20, "found": 20, "failed": []},
        },
        "metrics": metrics,
        "data": data or {},
        "per_category": groups or {},
        "notes": list(notes),
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content))
    return path
