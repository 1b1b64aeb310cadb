"""Where memory runs out while a file is read, the file is not blamed: nobody should remove a whole one."""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from argus3d.errors import UserError, is_memory, raise_if_memory
from benchmarks.fuzzing.__main__ import READERS
from benchmarks.fuzzing.reader import Reader

ROOT = Path(__file__).parents[1]
OURS = (f"{ROOT}/argus3d/", f"{ROOT}/eval/")
MOMENTS = 25  # of each reader


def lines_until_memory_ends(work: Callable[[], object], last: int | None) -> tuple[int, BaseException | None]:
    """Do some work that finds no memory at the `last`-th line of ours (None: never); how many it came to, its error."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            count += 1
            if count == last:
                raise MemoryError
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except BaseException as error:
        return count, error
    finally:
        sys.settrace(before)
    return count, None


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "_"))
def test_a_whole_file_is_not_blamed_for_a_lack_of_memory(reader: Reader, tmp_path: Path) -> None:
    target = tmp_path / "target"
    path = target / reader.file
    path.parent.mkdir(parents=True)
    reader.around(target)
    path.write_bytes(reader.seeds()[0])
    reader.read(path)  # imports and compiles
    lines, error = lines_until_memory_ends(lambda: reader.read(path), None)
    assert error is None
    draws = random.Random(reader.name)
    for moment in sorted(draws.randint(1, lines) for _ in range(min(MOMENTS, lines))):
        _, error = lines_until_memory_ends(lambda: reader.read(path), moment)
        assert error is not None and is_memory(error) and not isinstance(error, UserError), (moment, repr(error))


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(5, "Input/output error"), False),
        (RuntimeError("unable to mmap 8 bytes from file <a.pt>: Cannot allocate memory (12)"), True),
        (RuntimeError("can't allocate read lock"), True),
        (RuntimeError("PytorchStreamReader failed"), False),
        (SystemError("<function f at 0x7f3a> returned NULL without setting an exception"), True),
        (SystemError("<function f at 0x7f3a> returned a result with an exception set"), False),
        (chained(RuntimeError("Pickle failed"), MemoryError()), True),
        (chained(ValueError("a"), KeyError("b")), False),
    ],
)
def test_lacks_of_memory_are_told_from_damage(error: BaseException, expected: bool) -> None:
    assert is_memory(error) is expected
    if expected:
        with pytest.raises(type(error)):
            raise_if_memory(error)
    else:
        raise_if_memory(error)
