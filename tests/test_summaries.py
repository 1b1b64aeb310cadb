"""What reports/results says of faults, strangers' files, load and versions is what the documents promise."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzzing.__main__ import READERS
from benchmarks.versions import dependencies

RESULTS = Path(__file__).parent.parent / "reports" / "results"


def summary(name: str) -> dict[str, Any]:
    return dict(json.loads((RESULTS / f"{name}.json").read_text()))


def test_nothing_was_lost_by_200_kills() -> None:
    faults = summary("faults")
    assert faults["killed"] >= 200 and faults["findings"] == 0
    for name, case in faults["kills"].items():
        found = [case[key] for key in ("broken", "different", "failed", "lost")]
        assert found == [[]] * 4 and case["midway"] > 0, f"{name}: kills must fall into the work"


@pytest.mark.parametrize(
    "fault",
    [
        "a Ray node lost", "Ctrl-C", "a file that vanishes", "a full disk", "a read-only folder", "a worker lost",
        "too little memory", "two runs on one folder",
    ],
)  # fmt: skip
def test_every_other_fault_was_tried(fault: str) -> None:
    (tried,) = (one for one in summary("faults")["others"] if one["fault"] == fault)
    assert tried["times"] > 0 and tried["findings"] == []


def test_every_reader_got_50000_files_and_none_did_harm() -> None:
    readers = summary("fuzzing")["readers"]
    assert readers.keys() == {reader.name for reader in READERS}
    for name, reader in readers.items():
        assert reader["inputs"] >= 50_000 and reader["findings"] == [], name
        assert reader["values"] > 0 and reader["refused"] + reader["values"] <= reader["inputs"], name


@pytest.mark.parametrize("part", ["prediction", "large"])
def test_the_time_was_said_about_right(part: str) -> None:
    for row in summary("load")[part]["rows"]:
        assert row["off_by_a_factor"]["value"] <= row["off_by_a_factor"]["at_most"] == 1.5


def test_a_hundred_commands_at_once_gave_what_one_gives() -> None:
    assert summary("load")["at_once"]["equal_to_the_one_that_ran_alone"] == 100


@pytest.mark.parametrize("which", ["lowest", "newest"])
def test_all_tests_passed_with_other_versions(which: str) -> None:
    found = summary("versions")[which]
    assert found["tests"].keys() == {"passed", "skipped"} and found["tests"]["passed"] > 2500
    assert found["versions"].keys() == dependencies().keys()


def test_the_lowest_versions_are_those_that_are_allowed() -> None:
    for name, version in summary("versions")["lowest"]["versions"].items():
        bound = dependencies()[name]
        assert f"{version}.".startswith(f"{bound}."), f"{name} {version} was tested; {bound} is allowed"


def test_the_front_page_promises_what_was_measured() -> None:
    said = " ".join((RESULTS.parents[1] / "README.md").read_text().split())
    fuzzing, load = summary("fuzzing"), summary("load")["large"]["rows"][0]
    fewest = min(reader["inputs"] for reader in fuzzing["readers"].values())
    assert f"after `kill -9` ({summary('faults')['killed']} times)" in said
    assert f"{fewest:,} broken files for each of {len(fuzzing['readers'])} readers" in said
    assert f"{load['clouds_per_set']:,} + {load['clouds_per_set']:,} clouds in {load['peak_gigabytes']:.0f} GB" in said
