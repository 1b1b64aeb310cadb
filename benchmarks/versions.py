"""The tests, run with the lowest versions of what the package depends on, or with the newest there are.

    python -m benchmarks.versions lowest --python python3.11 --out reports/results/versions.json
    python -m benchmarks.versions newest --python python3.13 --out reports/results/versions.json [--keep ENVIRONMENT]

Lowest are those that pyproject.toml names for the package itself, each at its bound; whatever else is installed takes
what pip finds beside them. Newest are what pip finds today, without constraints.txt. Both ask the package index for
gigabytes, as any torch but the pinned one does, so no test runs this. Tested is what is committed, in an own folder.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

from argus3d.data.files import write_json

ROOT = Path(__file__).parent.parent
COUNT = re.compile(r"(\d+) (passed|failed|error|skipped)")
ASKED = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


def dependencies() -> dict[str, str]:
    """Lowest version of each direct dependency by its name."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return dict(one.split(">=") for one in named)


def install(which: str, python: str, place: Path, source: Path) -> Path:
    """A new environment in `place` with all that the package and its tests want; its interpreter."""
    subprocess.run([python, "-m", "venv", str(place)], check=True)
    found = place / "bin" / "python"
    asked = ["--upgrade"]
    if which == "lowest":
        bounds = place / "lowest.txt"
        bounds.write_text("\n".join(f"{name}=={version}" for name, version in dependencies().items()))
        asked = ["--constraint", str(bounds)]
    subprocess.run([found, "-m", "pip", "install", "--quiet", *asked, f"{source}[dev]"], check=True)
    return found


def measured(python: Path, source: Path) -> dict[str, Any]:
    """Versions, and how the tests end of `source`, which the environment takes the package from."""
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--editable", str(source)], check=True)
    versions = subprocess.run([python, "-c", ASKED, *dependencies()], capture_output=True, text=True, check=True).stdout
    start = time.monotonic()
    tests = subprocess.run([python, "-m", "pytest", "-q"], cwd=source, capture_output=True, text=True, check=False)
    print(tests.stdout[-3000:], file=sys.stderr)
    return {
        "python": subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[1],
        "versions": json.loads(versions),
        "tests": {word: int(count) for count, word in COUNT.findall(tests.stdout.splitlines()[-1])},
        "seconds": round(time.monotonic() - start),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("lowest", "newest"))
    parser.add_argument("--python", default=sys.executable, help="that makes the environment")
    parser.add_argument("--keep", type=Path, help="environment that is used if it is there, and stays")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
        place = arguments.keep or Path(scratch) / "environment"
        python = place / "bin" / "python"
        if not python.exists():
            python = install(arguments.which, arguments.python, place, source)
        found = measured(python, source)
    report = json.loads(arguments.out.read_text()) if arguments.out.is_file() else {}
    write_json(arguments.out, report | {arguments.which: found})
    print(json.dumps(found, indent=1))
    return int(any(found["tests"].get(word) for word in ("failed", "error")) or not found["tests"].get("passed"))


if __name__ == "__main__":
    sys.exit(main())
