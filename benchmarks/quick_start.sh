#!/usr/bin/env bash
# Does a stranger get through the quick start? Builds the wheel, installs it with nothing but what it asks for into an
# environment of its own, and runs README's first commands in an empty folder, which none of the source tree is near.
#
#     bash benchmarks/quick_start.sh [PYTHON]
#
# Asks the package index for the dependencies (some hundred MB to some GB, by the build of torch), so no test runs it.
# Everything lies in a temporary folder that is removed at the end.
set -euo pipefail

python=${1:-python3}
source=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
unset PYTHONPATH

mkdir "$place/source" "$place/empty"
# What git knows, so that nothing left behind by a build is taken along.
git -C "$source" ls-files -z | tar --create --directory="$source" --null --files-from=- | tar --extract --directory="$place/source"
"$python" -m venv "$place/env"
bin=$place/env/bin
"$bin/pip" wheel --quiet --no-deps --wheel-dir "$place" "$place/source"
"$bin/pip" install --quiet --constraint "$source/constraints.txt" torch==2.13.0 "$place"/argus3d-*.whl
rm -rf "$place/source"

cd "$place/empty"
"$bin/argus3d" sample --category chair --count 2 --resolution 32 --out my-chairs
"$bin/argus3d-eval" score my-chairs my-chairs --protocol smoke --out mine.json
"$bin/argus3d-eval" table mine.json --out mine
"$bin/argus3d-eval" page mine.json --out page.html
"$bin/argus3d-eval" doctor
test -s mine.md && test -s page.html
"$bin/python" - <<'PYTHON'
import importlib.metadata
import json

import argus3d

assert json.load(open("mine.json"))["metrics"]["mmd_cd"]["value"] == 0, "a set against itself"
assert "site-packages" in argus3d.__file__, argus3d.__file__
print("The quick start works with", ", ".join(
    f"{name} {importlib.metadata.version(name)}" for name in ("argus3d", "torch", "numpy", "numba", "scipy", "trimesh")
))
PYTHON
