"""Generators of a user's own: found by name, and looked at closely."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from argus3d.errors import UserError
from argus3d.factories import LARGEST_SEED, open_factory, shapes_of
from argus3d.generator import Sample

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
SIDES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
NO_TOKENS = np.empty(0, np.int64)


class Pyramids:
    """Pyramids, after `change` was at work on each."""

    name, categories = "pyramids", ("chair", "lamp")

    def __init__(self, change: Callable[[list[Any]], list[Any]] = list) -> None:
        self.change, self.seeds = change, list[int]()

    def sample(self, category: str, count: int, seed: int = 0) -> list[Any]:
        self.seeds.append(seed)
        made = [Sample(str(index), category, seed, NO_TOKENS, CORNERS, SIDES) for index in range(count)]
        return self.change(made)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], int]:
    """Writes a module into the current directory, which is not on the path of modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    return lambda name, text: (tmp_path / f"{name}.py").write_text(text)


def with_shape(vertices: Any, faces: Any) -> Pyramids:
    """A generator whose second shape is this."""
    return Pyramids(lambda made: [made[0], Sample("x", made[0].category, 0, NO_TOKENS, vertices, faces), *made[2:]])


def test_shapes_get_the_ids_that_were_asked_for() -> None:
    generator = Pyramids()
    made = shapes_of(generator, "lamp", ["lamp-0000", "lamp-0001"], 2**63)
    assert [(shape.id, shape.category, problem) for shape, problem in made] == [
        ("lamp-0000", "lamp", ""), ("lamp-0001", "lamp", ""),
    ]  # fmt: skip
    shape = made[0][0]
    assert shape.vertices.dtype == np.float32 and shape.faces.dtype == np.int32 and not shape.empty
    assert generator.seeds == [0] and all(0 <= seed < LARGEST_SEED for seed in generator.seeds)


@pytest.mark.parametrize(
    ("vertices", "faces", "expected"),
    [
        (CORNERS * np.nan, SIDES, "a vertex is not finite"),
        (CORNERS * 1e300, SIDES, "a vertex is not finite"),
        (CORNERS, SIDES[:0], "it has no faces"),
        (CORNERS, SIDES + 1, "a face names vertex 4 of 4"),
        (CORNERS, SIDES - 1, "a face names vertex -1 of 4"),
        (CORNERS, SIDES / 2, "faces must be indices, not float64"),
        (CORNERS[:, :2], SIDES, r"\(V, 3\) and \(F, 3\), not \(4, 2\) and \(4, 3\)"),
        ("four corners", SIDES, "no arrays of numbers"),
        (CORNERS, [["a", "b", "c"]], "faces must be indices"),
    ],
)
def test_a_shape_with_something_wrong_is_one_without_faces(vertices: Any, faces: Any, expected: str) -> None:
    (good, none), (bad, problem) = shapes_of(with_shape(vertices, faces), "chair", ["a", "b"], 0)
    assert none == "" and not good.empty and bad.empty and bad.id == "b"
    assert re.search(expected, problem)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda made: made[1:], r"pyramids: sample\('chair', 2, seed=7\) gave 1 shapes, not 2"),
        (lambda made: [made[0], made[0]], "gave the id '0' twice"),
        (lambda made: ["a mesh", *made[1:]], "gave a str, not an argus3d.generator.Sample"),
        (lambda made: 3, r"failed: TypeError: 'int' object is not iterable"),
        (lambda made: made[5], r"failed: IndexError: list index out of range \(test_factories.py:\d+\)"),
        (
            lambda made: [Sample(s.id, "boat", 0, NO_TOKENS, CORNERS, SIDES) for s in made],
            "gave a shape of class 'boat'",
        ),
    ],
)
def test_a_generator_that_breaks_its_word_is_stopped(change: Callable[[list[Any]], Any], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        shapes_of(Pyramids(change), "chair", ["a", "b"], 7)


def test_modules_of_the_current_directory_are_found(write: Callable[[str, str], int]) -> None:
    write("at_home", "class G:\n    name, categories = 'g', ['chair']\n    def sample(self, c, n, seed=0): return []\n")
    assert open_factory("at_home:G").categories == ["chair"]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "broken_0", "must be named as package.module:factory"),
        ("", "none_such_module:make", "importing none_such_module failed: ModuleNotFoundError"),
        ("1 / 0", "broken_1:make", r"importing broken_1 failed: ZeroDivisionError: .*\(broken_1.py:1\)"),
        ("x = 1", "broken_2:make", "broken_2 has no 'make'"),
        ("make = 3", "broken_3:make", "is no function or class"),
        (
            "def make():\n    raise KeyError('weights')",
            "broken_4:make",
            r"failed: KeyError: 'weights' \(broken_4.py:2\)",
        ),
        ("def make(path): pass", "broken_5:make", "failed: TypeError: make.. missing 1 required"),
        ("def make(): return 3", "broken_6:make", "made has no `name`"),
        ("class G: name, categories = 'g', 'chair'", "broken_7:G", "made has no `categories`, a tuple"),
        ("class G: name, categories = 'g', ('chair',)", "broken_8:G", "made has no `sample"),
    ],
)
def test_a_factory_that_does_not_work_is_one_sentence(
    write: Callable[[str, str], int], text: str, name: str, expected: str
) -> None:
    if text:
        write(name.split(":")[0], text)
    with pytest.raises(UserError, match=expected) as error:
        open_factory(name)
    assert "\n" not in str(error.value)
