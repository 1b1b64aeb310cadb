"""Many inputs for one reader: made, read in children, kept where they reach something new, and gone on with later."""

import base64
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from argus3d.data.files import write_json
from benchmarks.fuzzing.child import AT, COUNTERS, REFUSALS, SLOWEST, VALUES, Limits, Outcome, serve
from benchmarks.fuzzing.minimise import smaller
from benchmarks.fuzzing.mutate import mutated
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.watch import Line, outside

BATCH = 500  # inputs a child, made of the corpus as it was at the start of the batch
PATIENCE = 2  # times the limit of seconds, after which a child that cannot be interrupted hangs in native code
SHOWN = 4096  # bytes of an input that stand in the report

_fork = multiprocessing.get_context("fork")


def _used(process: int | None) -> float:
    """Seconds of processor time that a child has used, 0 where it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Finding:
    """One kind of misbehaviour: what it is, the first input that showed it, and how many did."""

    kind: str
    error: str
    where: str
    number: int
    content: bytes
    count: int = 1

    def to_json(self) -> dict[str, Any]:
        shown = base64.b64encode(self.content[:SHOWN]).decode()
        facts = asdict(self) | {"content": shown, "bytes": len(self.content)}
        return facts | {"sha256": hashlib.sha256(self.content).hexdigest()}


@dataclass
class State:
    """What is known of one reader so far."""

    done: int = 0
    values: int = 0
    refused: int = 0
    slowest: int = 0  # milliseconds of processor time
    seconds: float = 0.0
    corpus: list[bytes] = field(default_factory=list)
    lines: set[Line] = field(default_factory=set)
    findings: dict[str, Finding] = field(default_factory=dict)
    mended: list[dict[str, Any]] = field(default_factory=list)  # findings of before that are none any more
    day: str = ""  # of the first input: the reader may have changed since

    def to_json(self) -> dict[str, Any]:
        """What a report says of it."""
        return {
            "begun": self.day,
            "inputs": self.done,
            "values": self.values,
            "refused": self.refused,
            "slowest_ms": self.slowest,
            "seconds": round(self.seconds, 1),
            "corpus": len(self.corpus),
            "lines": len(self.lines),
            "mended": self.mended,
            "findings": [found.to_json() for found in self.findings.values()],
        }


class Campaign:
    """Inputs 0, 1, 2, ... of a reader; the number and the corpus at the start of its batch decide an input."""

    def __init__(self, reader: Reader, scratch: Path, limits: Limits) -> None:
        """Take up what the scratch folder knows of this reader."""
        self.reader, self._limits = reader, limits
        self._home = scratch / reader.name.replace(" ", "_")
        self._target = self._home / "target"
        self.state = self._read()
        if not self.state.corpus:
            self.state.corpus = list(reader.seeds())

    @cached_property
    def _verbatim(self) -> list[bytes]:
        """The first inputs, read as they are; some take seconds to make."""
        return [*self.reader.seeds(), *self.reader.hostile()]

    def run(self, inputs: int) -> None:
        """Go on until so many inputs were read; the state is kept after each batch.

        What was found before is tried first, since readers may have been mended, and so are the files that are read as
        they are, since there may be more of them.
        """
        if self.state.done:
            self._try_again()
            self._write()
        self.state.day = self.state.day or time.strftime("%Y-%m-%d")
        while self.state.done < inputs:
            start = time.monotonic()
            first = self.state.done
            self._batch(first, min(first - first % BATCH + BATCH, inputs))
            self.state.seconds += time.monotonic() - start
            self._write()

    def _try_again(self) -> None:
        before, values, refused = self.state.findings, self.state.values, self.state.refused
        self.state.findings = {}
        for found in before.values():
            self._read_all([(found.number, found.content)])
        self._read_all(list(enumerate(self._verbatim)))
        for key, found in self.state.findings.items():
            found.count = before[key].count if key in before else found.count
        self.state.mended += [
            {"kind": found.kind, "error": found.error, "where": found.where, "count": found.count}
            for key, found in before.items()
            if key not in self.state.findings
        ]
        self.state.values, self.state.refused = values, refused

    def _batch(self, first: int, last: int) -> None:
        corpus = list(self.state.corpus)
        numbered = [(number, self._input(number, corpus)) for number in range(first, last)]
        self._read_all(numbered)
        self.state.done = last

    def _read_all(self, numbered: list[tuple[int, bytes]]) -> None:
        """Read inputs in one child after another, until none is left."""
        while numbered:
            reached = self._serve(numbered)
            numbered = [one for one in numbered if one[0] > reached]

    def _input(self, number: int, corpus: list[bytes]) -> bytes:
        if number < len(self._verbatim):
            return self._verbatim[number]
        rng = random.Random(f"{self.reader.name}:{number}")
        return mutated(rng, rng.choice(corpus), corpus, self.reader.own)

    def _serve(self, numbered: list[tuple[int, bytes]]) -> int:
        """Read inputs in one child; returns the last number that is dealt with."""
        self._prepare()
        contents = dict(numbered)
        counters = _fork.RawArray("q", COUNTERS)
        counters[AT] = numbered[0][0]
        ours, theirs = _fork.Pipe(duplex=False)
        arguments = (self.reader, self._target, self._limits, self.state.lines, numbered, counters, theirs)
        child = _fork.Process(target=serve, args=arguments, daemon=True)
        child.start()
        theirs.close()
        whole = hung = False
        since, at = _used(child.pid), -1
        while True:
            if ours.poll(0.2):
                try:
                    answer = ours.recv()
                except (EOFError, OSError):
                    break
                if answer is None:
                    whole = True
                    break
                self._learn(*answer, contents)
            elif counters[AT] != at:
                since, at = _used(child.pid), counters[AT]
            elif _used(child.pid) - since > PATIENCE * self._limits.seconds:
                hung = True
                child.kill()
        child.join(10)
        self.state.values += counters[VALUES]
        self.state.refused += counters[REFUSALS]
        self.state.slowest = max(self.state.slowest, counters[SLOWEST])
        if whole:
            return numbered[-1][0]
        number = counters[AT]
        outcome = Outcome("hang", "in native code") if hung else Outcome("death", f"exit code {child.exitcode}")
        self._learn(number, outcome, set(), contents)
        return int(number)

    def _learn(self, number: int, outcome: Outcome, fresh: set[Line], contents: dict[int, bytes]) -> None:
        content = contents[number]
        if fresh:
            self.state.lines |= fresh
            if number >= len(self._verbatim) and not outcome.bad:
                self.state.corpus.append(content)
        if not outcome.bad:
            return
        known = self.state.findings.get(outcome.key)
        if known:
            known.count += 1
            known.content = min(known.content, content, key=len)
        else:
            error = outcome.error.replace(f"{self._home}/", "")
            found = Finding(outcome.kind, error, outcome.where, number, content)
            self.state.findings[outcome.key] = found

    def minimise(self) -> None:
        """Make the input of each finding smaller, as long as the finding stays the same."""
        for key, found in self.state.findings.items():
            self._prepare()
            found.content = smaller(self.reader, self._target, self._limits, key, found.content)
        self._write()

    def _prepare(self) -> None:
        """A fresh target, whatever an input before left there."""
        shutil.rmtree(self._target, ignore_errors=True)
        shutil.rmtree(outside(self._target), ignore_errors=True)
        (self._target / self.reader.file).parent.mkdir(parents=True)
        self.reader.around(self._target)
        outside(self._target).mkdir(exist_ok=True)

    def _read(self) -> State:
        path = self._home / "state.json"
        if not path.is_file():
            return State()
        kept = json.loads(path.read_text())
        findings = {
            key: Finding(**one | {"content": base64.b64decode(one["content"])}) for key, one in kept["findings"].items()
        }
        corpus = [base64.b64decode(one) for one in kept["corpus"]]
        return State(**kept | {"corpus": corpus, "lines": {(a, b) for a, b in kept["lines"]}, "findings": findings})

    def _write(self) -> None:
        def text(content: bytes) -> str:
            return base64.b64encode(content).decode()

        findings = {key: {**vars(found), "content": text(found.content)} for key, found in self.state.findings.items()}
        kept = vars(self.state) | {
            "corpus": [text(one) for one in self.state.corpus],
            "lines": sorted(self.state.lines),
            "findings": findings,
        }
        write_json(self._home / "state.json", kept)
