"""The Makefile: what it prints, and what it would run."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = ("manifest", "views-nano-v2")
# Rows and folders of the default run.
GENERATION = (
    "nano", "nano_unconditional", "training_set", "reconstructed_training_set", "scrambled", "reference_vs_itself",
)  # fmt: skip
FOLDERS = ("by_nothing", "by_category", "by_text", "by_image", "complete_viewpoint", "complete_bottom")
TASKS = (
    "by_nothing", "by_category", "by_text", "by_image", "by_class_of_training_set", "guided_reference",
    "from_viewpoint", "from_bottom", "from_training_set", "from_reference", "memorisation", "test_set",
    "copies/training_set",
)  # fmt: skip


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True)


def phony() -> list[str]:
    found = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].split()


def recipe(text: str, out: str) -> str:
    """The line of a dry run that makes `out`."""
    return next(line for line in text.splitlines() if f"--out {out}" in line)


def test_make_alone_prints_help() -> None:
    assert make().stdout == make("help").stdout
    assert "reproduce-tables" in make().stdout


@pytest.mark.parametrize("target", phony())
def test_every_target_is_documented_and_known(target: str) -> None:
    assert re.search(rf"^  {target} +\S", make().stdout, re.MULTILINE)
    assert make("-n", target).returncode == 0


def test_an_unknown_source_is_refused_in_one_line() -> None:
    done = make("reproduce-tables", "DATA=cats")
    assert done.returncode == 2
    known = "objects, household, components, procedural, objaverse or shapenet"
    assert f"DATA=cats is not known here; choose {known}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_old_python_is_refused_with_a_way_out(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(f"PYTHON={old}", f"ENV={tmp_path}/installed", "lint")
    assert done.returncode == 2
    assert f"argus3d needs Python 3.11 or newer; '{old}' is not" in done.stderr


def test_each_row_and_page_is_made_once() -> None:
    text = make("-nB", "reproduce-tables").stdout
    for row in (*GENERATION, *TASKS):
        assert text.count(f"--out reports/results/objects/{row}.json") == 1, row
    assert text.count("argus3d-eval table ") == 1
    for source in ("household", "components"):
        assert text.count(f"argus3d data prepare {source} --root artifacts/data\n") == 1
        assert text.count(f"argus3d data prepare {source} --root artifacts/data --views") == 1
    assert "--readme README.md" in text


def test_copies_are_looked_for_among_all_that_nano_learned_from() -> None:
    text = make("-nB", "reproduce-tables").stdout
    assert text.count("argus3d data prepare procedural --root artifacts/data\n") == 1
    assert "--source procedural" not in text
    learned = "household-v1/train components-v1/train procedural-v1/train"
    for out in ("reports/results/objects/memorisation.json", "artifacts/nearest/objects.json"):
        assert f" {learned} " in next(line for line in text.splitlines() if f"--out {out}" in line)


@pytest.mark.parametrize("row", (*GENERATION, *TASKS))
def test_a_row_that_is_made_alone_has_all_that_it_names_prepared(row: str) -> None:
    text = make("-nB", f"reports/results/objects/{row}.json").stdout
    *before, measured = text[: text.index(f"--out reports/results/objects/{row}.json")].splitlines()
    for source in re.findall(r"(household|components|procedural)-v1/train\b", measured):
        assert f".venv/bin/argus3d data prepare {source} --root artifacts/data" in before, source


def test_the_page_is_made_last_of_all_that_was_drawn() -> None:
    text = make("-nB", "reproduce-tables").stdout.splitlines()
    places = [place for place, line in enumerate(text) if "argus3d-eval" in line]
    page = next(place for place, line in enumerate(text) if "argus3d-eval page reports/results/objects " in line)
    assert page == places[-1]
    said = " ".join(text[page:])
    for name in ("metrics", "codes", "graph"):
        assert f"--figure reports/figures/objects-{name}.png" in said
    for name in ("samples", "glance", "by-text", "complete-bottom"):
        assert f"--sheet reports/figures/objects-{name}.png" in said
    assert "--out reports/index.html" in said
    smoke = make("-nB", "report", "PROTOCOL=smoke").stdout
    assert "--out reports/objects-smoke.html" in smoke


def test_sweeps_are_on_validation_shapes_and_each_row_is_measured() -> None:
    text = make("-nB", "sweeps").stdout
    assert "nano-v2.json/test" not in text and "nano-v2/test" not in text
    for path in sorted((ROOT / "reports/sweeps").glob("*.json")):
        assert f"--sweep reports/sweeps/{path.name}" in text
        for row in json.loads(path.read_text())["rows"]:
            made = recipe(text, f"artifacts/samples/sweeps/{Path(row['results'][0]).stem} ".rstrip())
            option = path.stem if path.stem.startswith("top-") else "guidance"
            assert f" --{option} {row['value']} " in made and "/few_of_val " in made
            assert f"--out reports/results/{row['results'][0].removeprefix('../results/')}" in text


@pytest.mark.parametrize("data", ["household", "components", "procedural"])
def test_a_source_alone_has_the_tables_of_generation_and_reconstruction(data: str) -> None:
    text = make("-nB", "reproduce-tables", f"DATA={data}").stdout
    rows = set(re.findall(rf"--out reports/results/{data}/([\w-]+)\.json", text))
    assert rows == {*GENERATION, "reconstruction"} - {"nano_unconditional"}
    assert "argus3d-eval guided" not in text and "argus3d complete" not in text


def test_text_and_image_are_held_against_class(tmp_path: Path) -> None:
    text = make("-nB", "reproduce-tables").stdout
    for by in ("text", "image"):
        line = recipe(text, f"reports/results/objects/by_{by}.json")
        assert "--against artifacts/samples/objects/by_category" in line
    assert "--against" not in recipe(text, "reports/results/objects/by_category.json")
    smoke = make("-nB", "reproduce-tables", "PROTOCOL=smoke").stdout
    assert "--each 10 " in text and "--each 10 " not in smoke
    assert "nano-v2.json/test " not in smoke and "nano-v2/train_like_few nano-v2/few " in smoke
    assert "/handful " in smoke and "handful" not in text


def test_procedural_needs_no_archive() -> None:
    text = make("-nB", "reproduce-tables", "DATA=procedural").stdout
    assert "prepare procedural" in text
    assert "prepare household" not in text


def test_components_alone() -> None:
    text = make("-nB", "reproduce-tables", "DATA=components", "DEB=mine").stdout
    assert "prepare components --root artifacts/data --deb mine" in text
    assert "components-v1/test" in recipe(text, "reports/results/components/nano.json")
    assert "prepare household" not in text and "prepare procedural" not in text


def test_data_of_the_user_want_a_path_and_have_their_split_made() -> None:
    done = make("reproduce-tables", "DATA=objaverse")
    assert done.returncode == 2 and "DATA=objaverse lies with you; name its folder with DATA_PATH=" in done.stderr
    text = make("-nB", "reproduce-tables", "DATA=objaverse", "DATA_PATH=mix").stdout
    assert "argus3d data prepare objaverse --root artifacts/data --path mix --packed" in text
    assert "argus3d data split objaverse-v1 --path mix --root artifacts/data" in text
    like = "--like artifacts/data/splits/objaverse-v1.json/test-core"
    assert like in recipe(text, "artifacts/samples/objaverse/generated")
    assert "score objaverse-v1/train-core objaverse-v1/test-core" in recipe(
        text, "reports/results/objaverse/training_set.json"
    )
    text = make("-nB", "reproduce-tables", "DATA=shapenet", "DATA_PATH=there").stdout
    assert "--path there --packed --classes 13" in text
    assert "shapenet13-v1/test" in recipe(text, "reports/results/shapenet/reference_vs_itself.json")


def test_a_deb_of_the_user_goes_to_household_only() -> None:
    text = make("-nB", "reproduce-tables", "DEB=mine.deb").stdout
    assert "prepare household --root artifacts/data --deb mine.deb" in text
    assert text.count("mine.deb") == 1
    text = make("-nB", "reproduce-tables", "DEB=mine.deb", "DEB_components=theirs").stdout
    assert "prepare components --root artifacts/data --deb theirs" in text


def test_other_settings_have_files_of_their_own() -> None:
    text = make("-nB", "reproduce-tables", "SEED=3", "PROTOCOL=smoke", "CHECKPOINT=some/where").stdout
    run = "objects-some_where-smoke-seed3"
    assert "--protocol smoke" in recipe(text, f"reports/results/{run}/where.json")
    assert "--checkpoint some/where --seed 3" in recipe(text, f"artifacts/samples/{run}/generated")
    assert f"--out reports/tables/{run}" in text
    assert "README" not in text


@pytest.fixture
def finished(tmp_path: Path) -> list[str]:
    """Settings under which all files of a run seem to be there, in a folder of the test."""
    root, run = tmp_path, "objects"
    names = [f"artifacts/data/{source}/{name}.json" for source in ("household", "components") for name in LISTS]
    names += ["artifacts/data/procedural/manifest.json"]
    made = ("reconstructed_training_set", "scrambled", "generated", "reconstructed", "unconditional", *FOLDERS)
    names += [f"artifacts/samples/{run}/{name}/manifest.json" for name in made]
    names += [f"reports/results/{run}/{row}.json" for row in (*GENERATION, "reconstruction", *TASKS)]
    names += [f"artifacts/nearest/{run}.json"]
    names += [f"reports/tables/{run}.{kind}" for kind in ("md", "csv", "tex")]
    drawn = ("metrics", "codes", "graph")
    names += [f"reports/figures/{run}-{name}.{kind}" for name in drawn for kind in ("png", "pdf")]
    names += [f"reports/figures/{run}-{name}.png" for name in ("samples", "reconstructions", "glance")]
    names += [f"reports/figures/{run}-{name.replace('_', '-')}.png" for name in FOLDERS]
    (root / "Makefile").symlink_to(ROOT / "Makefile")
    for name in ("eval", "argus3d", "pyproject.toml", "constraints.txt", "docs"):
        (root / name).symlink_to(ROOT / name)
    for name in [*names, "reports/published.csv", "reports/index.html"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return ["-n", "-C", str(root), "reproduce-tables"]


def test_a_second_call_does_nothing_though_the_environment_is_newer(finished: list[str]) -> None:
    folder = Path(finished[2])
    (folder / ".venv").mkdir()
    (folder / ".venv" / ".installed").touch()
    assert make(*finished).stdout.strip().endswith("Nothing to be done for 'reproduce-tables'.")


# Notes what it was asked for and touches what it would write.
STANDS_IN = """#!/usr/bin/env bash
echo "$1" >> commands
out=
for word in "${@:2}"; do
    case $word in
    --out) out=1 ;;
    --*) out= ;;
    *.*) [ -z "$out" ] || touch "$word" ;;
    *) [ -z "$out" ] || touch "$word".{md,csv,tex} ;;
    esac
done
"""


def test_a_lost_result_alone_is_measured_again(finished: list[str]) -> None:
    # Not by a dry run, which takes files that one recipe makes together for unchanged (GNU make 4.3).
    folder = Path(finished[2])
    command = folder / ".venv" / "bin" / "argus3d-eval"
    command.parent.mkdir(parents=True)
    command.write_text(STANDS_IN)
    command.chmod(0o755)
    (folder / ".venv" / ".installed").touch()
    (folder / "reports/results/objects/training_set.json").unlink()
    done = make(*finished[1:])
    assert done.returncode == 0, done.stderr
    assert (folder / "commands").read_text().split() == ["score", "table", "figure", "page"]
    assert make(*finished[1:]).stdout.strip().endswith("Nothing to be done for 'reproduce-tables'.")
