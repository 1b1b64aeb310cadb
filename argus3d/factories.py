"""Generators of a user's own, by `package.module:factory`, and a close look at what they give."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from argus3d.errors import UserError
from argus3d.generator import Generator, Sample

LARGEST_SEED = 2**31  # every library takes a seed below it


def open_factory(name: str) -> Generator:
    """The generator that a factory makes.

    name : "package.module:factory"; modules of the current directory are found too

    Raises: UserError when it cannot be imported or called, or what it makes is no `Generator`.
    """
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise UserError(f"generator {name!r} must be named as package.module:factory.")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = _run(f"importing {module}", lambda: importlib.import_module(module))
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UserError(f"{module} has no {attribute!r}; name a function or class that makes a generator.")
        found = getattr(found, part)
    if not callable(found):
        raise UserError(f"{name} is no function or class; name one that makes a generator.")
    generator = _run(f"{name}()", found)
    _require_generator(generator, name)
    return generator


def source_file(generator: Generator) -> str | None:
    """The file of the module that a generator's class was written in, None where it has none."""
    return getattr(sys.modules[type(generator).__module__], "__file__", None)


def shapes_of(generator: Generator, category: str, ids: Sequence[str], seed: int) -> list[tuple[Sample, str]]:
    """As many shapes of a class as there are `ids`, each under its id, with what is wrong with it, "" if nothing.

    A shape with something wrong comes back without its faces. `seed` is taken below 2^31.

    Raises: UserError when `sample` fails, gives another number of shapes or another class, or a shape twice.
    """
    seed %= LARGEST_SEED
    call = f"{generator.name}: sample({category!r}, {len(ids)}, seed={seed})"
    made: list[Any] = _run(call, lambda: list(generator.sample(category, len(ids), seed=seed)))
    if len(made) != len(ids):
        raise UserError(f"{call} gave {len(made)} shapes, not {len(ids)}.")
    for shape in made:
        if not all(hasattr(shape, field) for field in ("id", "category", "vertices", "faces")):
            raise UserError(f"{call} gave a {type(shape).__name__}, not an argus3d.generator.Sample.")
        if shape.category != category:
            raise UserError(f"{call} gave a shape of class {shape.category!r}.")
    given = [shape.id for shape in made]
    if len(set(given)) != len(given):
        twice = next(item for index, item in enumerate(given) if item in given[:index])
        raise UserError(f"{call} gave the id {twice!r} twice; each shape needs its own.")
    return [_checked(shape, item, category, seed) for shape, item in zip(made, ids, strict=True)]


def _checked(shape: Any, item: str, category: str, seed: int) -> tuple[Sample, str]:
    """A shape with arrays of the right types, empty where something is wrong with it."""
    vertices, faces, problem = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), ""
    try:
        with np.errstate(over="ignore"):  # what is past the range of float32 becomes infinite and is told as such
            given_vertices = np.asarray(shape.vertices, np.float64).astype(np.float32)
        given_faces = np.asarray(shape.faces)
        problem = _problem(given_vertices, given_faces)
    except (ValueError, TypeError, OverflowError) as error:
        problem = f"vertices or faces are no arrays of numbers ({error})"
    if not problem:
        vertices, faces = given_vertices, given_faces.astype(np.int32)
    return Sample(item, category, seed, np.zeros(0, np.int64), vertices, faces), problem


def _problem(vertices: np.ndarray, faces: np.ndarray) -> str:
    if faces.size == 0:
        return "it has no faces"
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        return f"vertices and faces must be (V, 3) and (F, 3), not {vertices.shape} and {faces.shape}"
    if not np.issubdtype(faces.dtype, np.integer):
        return f"faces must be indices, not {faces.dtype}"
    if faces.min() < 0 or faces.max() >= len(vertices):
        return f"a face names vertex {faces.max() if faces.min() >= 0 else faces.min()} of {len(vertices)}"
    return "" if np.isfinite(vertices).all() else "a vertex is not finite"


def _require_generator(generator: Any, name: str) -> None:
    if not isinstance(getattr(generator, "name", None), str):
        raise UserError(f"what {name}() made has no `name`, a text; see argus3d.generator.Generator.")
    categories = getattr(generator, "categories", None)
    if not isinstance(categories, list | tuple) or not categories or not all(isinstance(c, str) for c in categories):
        raise UserError(f"what {name}() made has no `categories`, a tuple of class names.")
    if not callable(getattr(generator, "sample", None)):
        raise UserError(f"what {name}() made has no `sample(category, count, seed)`.")


def _run(what: str, call: Callable[[], Any]) -> Any:
    """The result of a user's code; what it raises becomes one sentence with the place."""
    try:
        return call()
    except Exception as error:  # code of a user's own may raise anything
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"{what} failed: {type(error).__name__}: {error} ({os.path.basename(place.filename)}:{place.lineno})."
        ) from error
