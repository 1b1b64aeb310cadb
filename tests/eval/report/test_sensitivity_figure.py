"""The figure of what moves the metrics."""

import copy
import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.cli import main
from eval.report.sensitivity_figure import sensitivity_figure
from tests.eval.report.test_sensitivity_tables import change, pair


def words(content: bytes) -> str:
    return " ".join("".join(node.itertext()) for node in ElementTree.fromstring(content).iter() if "text" in node.tag)


def test_every_alternative_and_metric_is_named_and_the_bytes_are_the_same() -> None:
    drawn = sensitivity_figure(pair(), ".svg")
    assert drawn == sensitivity_figure(pair(), ".svg")
    for said in ("MMD-CD", "COV-CD", "512", "8,192", "other seeds", "points a cloud, in place of 2,048", "131 shapes"):
        assert said in words(drawn)
    assert "trees" not in words(drawn), "no panel shows what this choice moves"


def test_a_change_of_unit_is_written_at_the_border() -> None:
    content = copy.deepcopy(pair())
    content["choices"][0]["alternatives"][0]["changes"]["mmd_cd"] = change(2048.0, 2048.0, 2048.0, True)
    assert "×2,048" in words(sensitivity_figure(content, ".svg"))
    assert "×2,048" not in words(sensitivity_figure(pair(), ".svg"))


def test_what_is_undefined_is_left_out() -> None:
    content = copy.deepcopy(pair())
    content["choices"][0]["alternatives"][0]["changes"]["cov_cd"] = change(None, None, None)
    content["choices"][0]["alternatives"][1]["changes"]["cov_cd"] = change(0.1, None, None)
    image = Image.open(io.BytesIO(sensitivity_figure(content)))
    assert image.width > 300 and np.asarray(image.convert("L")).min() < 50


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not '\.jpg'"):
        sensitivity_figure(pair(), ".jpg")


def test_the_command_draws_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "x.json", tmp_path / "x.svg"
    file.write_text(json.dumps({"schema": 1, "kind": "sensitivity", "pairs": [pair()]}))
    assert main(["figure", "--sensitivity", str(file), "--out", str(out)]) == 0
    assert out.read_bytes() == sensitivity_figure(pair(), ".svg")
    file.write_text('{"kind": "generation"}')
    assert main(["figure", "--sensitivity", str(file), "--out", str(out)]) == 1
    assert "no measurement of sensitivity" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["figure", str(file), "--sensitivity", str(file), "--out", str(out)])
