"""The doctor finds the convention that a number was made with, and says so in words and JSON."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import linear_sum_assignment

from eval.cli import main
from eval.conventions import AXES, EMD_KINDS, Convention, Finding, Printed, find_conventions, undecided
from eval.distances.chamfer import KINDS
from eval.normalize import NORMALIZATIONS, normalize
from tests.reference import approxmatch, distances, metrics

Clouds = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]
POINTS = 6  # few enough for matchings by trying all


def shapes(seed: int, count: int = 6) -> Clouds:
    """Boxes of random proportions and sizes, off the origin, y the longest."""
    rng = np.random.default_rng(seed)
    sizes = rng.uniform(0.3, 1, (count, 1, 3)) * [0.5, 1.5, 0.9] * rng.uniform(0.6, 1.4, (count, 1, 1))
    return ((rng.random((count, POINTS, 3)) - 0.5) * sizes + [0.1, 0.2, -0.1]).astype(np.float32)


A, B = shapes(0), shapes(1)


def turned(clouds: Clouds, axes: str) -> Clouds:
    """What the name says, by letters: "xz-y" is x, z, minus y."""
    columns, sign = [], 1.0
    for letter in axes:
        if letter == "-":
            sign = -1.0
            continue
        columns.append(sign * clouds[:, :, "xyz".index(letter)])
        sign = 1.0
    return np.stack(columns, axis=2)


def distance(a: Clouds, b: Clouds, kind: str) -> float:
    if kind in KINDS:
        return distances.chamfer(a, b, kind)
    if kind.endswith("approx"):
        return approxmatch.approximate_emd(b, a, "squared" in kind)
    if kind == "emd":
        return distances.emd(a, b)
    square = ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(axis=2)
    return float(square[linear_sum_assignment(square)].mean())


def measured(metric: str, kind: str, made: Convention) -> float:
    """The metric by loops."""
    first = normalize(turned(A, made.axes), made.normalization)
    second = normalize(B, made.normalization)
    if made.swapped:
        first, second = second, first

    def matrix(a: Clouds, b: Clouds) -> Matrix:
        return np.array([[distance(x, y, kind) for y in b] for x in a])

    between = matrix(first, second)
    if metric == "mmd":
        return metrics.mmd(between)
    if metric == "cov":
        return metrics.coverage(between)
    within = [(m + m.T) / 2 for m in (matrix(first, first), matrix(second, second))]
    return metrics.one_nna(between, *within)


def printed_by(made: Convention, scale: float, digits: int = 4) -> dict[str, Printed]:
    """MMD and COV as a paper with that convention prints them."""
    found = {}
    for name, kind in (("cd", made.chamfer), ("emd", made.emd)):
        if kind:
            found[f"mmd_{name}"] = Printed.read(f"{measured('mmd', kind, made) * scale:.{digits}g}")
            found[f"cov_{name}"] = Printed.read(f"{measured('cov', kind, made) * 100:.2f}")
    return found


def search(printed: dict[str, Printed]) -> list[Finding]:
    return find_conventions(A, B, printed, lambda _: None)


@pytest.mark.parametrize(("kind", "normalization", "swapped"), list(product(KINDS, NORMALIZATIONS, (False, True))))
def test_chamfer_conventions_are_found_again(kind: str, normalization: str, swapped: bool) -> None:
    made = Convention(swapped, "xyz", normalization, kind, None)
    best = search(printed_by(made, 1000))
    assert made in [finding.convention for finding in best if finding.agrees]
    assert best[0].agrees and best[0].worst < 1e-3
    here = next(finding for finding in best if finding.convention == made)
    assert here.matches["mmd_cd"].scale == 1000 and here.matches["cov_cd"].scale == 100


@pytest.mark.parametrize("axes", [axes for axes in AXES if axes != "xyz"])
def test_axis_orders_are_found_again(axes: str) -> None:
    made = Convention(False, axes, "none", "squared_mean", None)
    best = search(printed_by(made, 1))
    assert best[0].convention == made and best[0].agrees


@pytest.mark.parametrize(("kind", "swapped"), list(product(EMD_KINDS, (False, True))))
def test_emd_kinds_are_found_again(kind: str, swapped: bool) -> None:
    made = Convention(swapped, "xyz", "box_2", "squared_mean", kind)
    best = search(printed_by(made, 100))
    assert best[0].convention == made and best[0].agrees
    alone = Convention(swapped, "xyz", "box_2", None, kind)
    emd_only = {key: number for key, number in printed_by(made, 100).items() if key.endswith("emd")}
    assert alone in [finding.convention for finding in search(emd_only) if finding.agrees]


def test_one_nna_in_percent_and_as_a_share() -> None:
    made = Convention(False, "xyz", "none", None, "emd_squared_approx")
    share = measured("one_nna", "emd_squared_approx", made)
    for text, scale in ((f"{share:.3f}", 1.0), (f"{100 * share:.1f}", 100.0)):
        here = next(finding for finding in search({"one_nna_emd": Printed.read(text)}) if finding.convention == made)
        assert here.agrees and here.matches["one_nna_emd"].scale == scale


def test_sums_over_points_are_recognised() -> None:
    made = Convention(False, "xyz", "box", None, "emd")
    best = search({"mmd_emd": Printed.read(f"{POINTS * measured('mmd', 'emd', made):.5g}")})
    assert best[0].convention == made and best[0].matches["mmd_emd"].scale == POINTS


def test_the_usual_comes_first_among_those_that_agree_and_the_nearest_among_the_rest() -> None:
    # Copies: every kind of CD, normalization and order of the sets gives exactly 0.
    same = find_conventions(A, A, {"mmd_cd": Printed.read("0")}, lambda _: None)
    assert same[0].convention == Convention(False, "xyz", "box", "squared_mean", None)
    open_ = undecided(same)
    assert set(open_) == {"swapped", "normalization", "chamfer"} and set(open_["chamfer"]) == set(KINDS)
    far = search({"cov_cd": Printed.read("0.987654")})
    assert not any(finding.agrees for finding in far) and undecided(far) == {}
    worst = [finding.worst for finding in far]
    assert worst == sorted(worst) and {finding.convention.axes for finding in far} == set(AXES)


def test_emds_are_tried_only_where_chamfer_distances_agree() -> None:
    made = Convention(False, "xyz", "box_2", "squared_mean", "emd")
    lines: list[str] = []
    find_conventions(A, B, printed_by(made, 1), lines.append)
    assert lines == [
        "trying Chamfer distances at 8 places", "trying EMDs, place 1 of 1: sets as given, axes xyz, box_2",
    ]  # fmt: skip
    lines.clear()
    find_conventions(A, B, {"cov_cd": Printed.read("0.98765"), "cov_emd": Printed.read("0.5")}, lines.append)
    assert len(lines) == 5 and lines[1] == "trying Chamfer distances at 56 places" and "place 3 of 3" in lines[4]


def test_presets_are_named() -> None:
    assert Convention(False, "xyz", "none", None, "emd_squared_approx").protocols == ["lion", "pvd"]
    assert Convention(False, "xyz", "box", "squared_mean", None).protocols[:2] == ["argus3d-v1", "smoke"]
    assert Convention(True, "xyz", "none", None, "emd_squared_approx").protocols == []


def test_reading_numbers() -> None:
    assert Printed.read("61.5") == Printed(61.5, 0.05)
    assert Printed.read("9.9e-3").value == 0.0099 and Printed.read("9.9e-3").precision == pytest.approx(5e-5)
    for text in ("nan", "inf", "-1", "x", ""):
        with pytest.raises(ValueError, match="number"):
            Printed.read(text)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", A)
    np.save(tmp_path / "b.npy", B)
    return tmp_path


def run(saved: Path, *words: str) -> int:
    return main(["doctor", str(saved / "a.npy"), str(saved / "b.npy"), "--points", str(POINTS), *words])


def test_the_command(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Convention(True, "xyz", "none", "squared_mean", None)
    values = [f"mmd_cd={measured('mmd', 'squared_mean', made) * 1000:.3f}", "cov_cd=3"]
    assert run(saved, "--value", values[0]) == 0
    said = capsys.readouterr()
    content: dict[str, Any] = json.loads(said.out)
    best = content["best"][0]
    assert (best["swapped"], best["axes"], best["normalization"], best["chamfer"], best["emd"]) == (
        True, "xyz", "none", "squared_mean", None,
    )  # fmt: skip
    assert best["agrees"] and best["values"]["mmd_cd"]["scale"] == 1000 and best["worst_relative_difference"] < 1e-3
    assert content["agreeing"] >= 1 and content["points"] == POINTS and len(content["best"]) <= 10
    assert "agree to the digits given" in said.err and "sets swapped" in said.err and "6 of 6 shapes" in said.err
    assert run(saved, "--value", values[0], "--value", values[1]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["agreeing"] == 0 and "none of" in said.err


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["mmd_cd"], "--value mmd_cd: expected KEY=NUMBER with a key of mmd_cd, cov_cd"),
        (["ecd_cd=3"], "expected KEY=NUMBER"),
        (["mmd_cd=low"], "'low' is not a number; write it as printed"),
        (["mmd_cd=-1"], "not a finite number of 0 or more"),
        (["mmd_cd=1e400"], "not a finite number of 0 or more"),
        (["mmd_cd=1", "mmd_cd=2"], "given twice"),
    ],
)
def test_mistakes_are_one_sentence(
    saved: Path, values: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(saved, *(word for value in values for word in ("--value", value))) == 1
    said = capsys.readouterr()
    assert words in said.err.splitlines()[-1] and said.out == ""


def test_sets_that_do_not_go(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(saved / "b.npy", np.concatenate([B, B])[:9])
    assert run(saved, "--value", "one_nna_cd=60") == 1
    assert "sets of equal size, got 6 generated and 9 reference" in capsys.readouterr().err
    assert run(saved, "--value", "mmd_cd=1") == 0, "MMD takes any"
    broken = B.copy()
    broken[4, 0, 0] = np.nan
    with pytest.raises(ValueError, match="reference: cloud 4 holds a value that is not finite"):
        find_conventions(A, broken, {"mmd_cd": Printed(1, 0.1)}, lambda _: None)
    with pytest.raises(ValueError, match="6 points, reference clouds 5"):
        find_conventions(A, B[:, :5], {"mmd_cd": Printed(1, 0.1)}, lambda _: None)


def test_wrong_usage_exits_with_two(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["doctor", "a"], ["doctor", "a", "b"], ["doctor", "--value", "mmd_cd=1"]):
        with pytest.raises(SystemExit) as exit_:
            main(words)
        assert exit_.value.code == 2
    assert "needs the two sets" in capsys.readouterr().err
    assert main(["doctor"]) == 0 and {"kernels", "libraries"} <= {
        check["name"] for check in json.loads(capsys.readouterr().out)["checks"]
    }
