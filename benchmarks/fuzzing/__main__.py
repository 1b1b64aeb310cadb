"""`python -m benchmarks.fuzzing`."""

import argparse
import gc
import platform
import warnings
from pathlib import Path
from typing import Any

import torch

from argus3d.bench import conditions
from argus3d.data.files import read_json_object, write_json
from benchmarks.fuzzing import arrays, reports, shapes, texts
from benchmarks.fuzzing.campaign import Campaign
from benchmarks.fuzzing.child import Limits
from benchmarks.fuzzing.reader import Reader

READERS = (*shapes.READERS, *arrays.READERS, *texts.READERS, *reports.READERS)


def main() -> None:
    names = [reader.name for reader in READERS]
    parser = argparse.ArgumentParser(description="Readers fed with broken and hostile files.")
    parser.add_argument("--inputs", type=int, required=True, help="for each reader, those of earlier runs included")
    parser.add_argument("--reader", action="append", choices=["all", *names], required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="folder that keeps what is done")
    parser.add_argument("--out", type=Path, help="JSON; readers that the scratch folder does not know stay in it")
    parser.add_argument("--minimise", action="store_true", help="make the inputs of findings smaller")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # zipfile's, of members of one name, which are meant
    limits = Limits()
    gc.freeze()  # else the first collection in each child would copy the pages of all objects
    for reader in _chosen(arguments.reader):
        campaign = Campaign(reader, arguments.scratch, limits)
        campaign.run(arguments.inputs)
        if arguments.minimise:
            campaign.minimise()
        print(_line(reader, campaign.state.to_json()), flush=True)
    if arguments.out:
        write_json(arguments.out, _report(arguments.scratch, limits, _before(arguments.out)))


def _chosen(names: list[str]) -> list[Reader]:
    return [reader for reader in READERS if "all" in names or reader.name in names]


def _line(reader: Reader, facts: dict[str, Any]) -> str:
    head = f"{reader.name}: {facts['inputs']} inputs, {facts['values']} read, {facts['refused']} refused, "
    head += f"{facts['lines']} lines, slowest {facts['slowest_ms']} ms, {facts['seconds']} s"
    found = [f"\n  {one['kind']} x{one['count']} {one['where']} {one['error'][:140]}" for one in facts["findings"]]
    return head + "".join(found)


def _before(out: Path) -> dict[str, dict[str, Any]]:
    """What a report says of readers so far."""
    return dict(read_json_object(out)["readers"]) if out.is_file() else {}


def _report(scratch: Path, limits: Limits, before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Readers begun anew replace what was said of them, but for what was mended then."""
    campaigns = [Campaign(reader, scratch, limits) for reader in READERS]
    known = {one.reader.name: one.state.to_json() for one in campaigns if one.state.done}
    for name, state in known.items():
        earlier = before.get(name, {}).get("mended", [])
        state["mended"] = [*(one for one in earlier if one not in state["mended"]), *state["mended"]]
    states = {name: found for name in (one.name for one in READERS) if (found := known.get(name, before.get(name)))}
    bounds = {"seconds": limits.seconds, "bytes_above_base": limits.memory}
    machine = conditions(torch.device("cpu")) | {"system": platform.system()}
    return {"limits": bounds, "readers": states, "inputs": sum(one["inputs"] for one in states.values())} | {
        "findings": sum(len(one["findings"]) for one in states.values()),
        "conditions": machine,
    }


if __name__ == "__main__":
    main()
