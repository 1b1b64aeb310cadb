"""Learning curves."""

import json
from pathlib import Path

import pytest

from eval.report.curves import curves_figure, main, read_log

LINES = [{"step": n, "seconds": 60.0 * n, "running_loss": 3 / n, "iou_toys": 1 - 1 / n, "loss": 1.0} for n in (1, 2, 3)]


def write(path: Path) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def test_the_same_log_gives_the_same_svg_that_names_its_curves(tmp_path: Path) -> None:
    log = read_log(write(tmp_path / "stage-1.jsonl"))
    once = curves_figure({"stage-1": log}, ".svg")
    assert curves_figure({"stage-1": log}, ".svg") == once
    for word in ("running loss", "iou toys", "minutes of training", "stage 1"):
        assert word in once.decode()


def test_the_command_writes_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "curves.png"
    assert main([str(write(tmp_path / "a.jsonl")), str(write(tmp_path / "b.jsonl")), "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_what_is_no_log_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"empty\.jsonl is empty"):
        read_log(tmp_path / "empty.jsonl")
    (tmp_path / "odd.jsonl").write_text("[1]\n")
    with pytest.raises(ValueError, match=r"odd\.jsonl is no training log"):
        read_log(tmp_path / "odd.jsonl")
    with pytest.raises(ValueError, match="figures are"):
        curves_figure({"a": LINES}, ".gif")
