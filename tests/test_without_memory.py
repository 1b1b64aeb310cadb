"""Where memory runs out or a disk fails while a file is read, that is said: nobody should remove a whole file."""

import errno
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from argus3d.errors import UserError, is_machine, is_memory, raise_if_machine
from benchmarks.fuzzing.__main__ import READERS
from benchmarks.fuzzing.reader import Reader
from eval.sources import jobs_of_folder, tried

ROOT = Path(__file__).parents[1]
OURS = (f"{ROOT}/argus3d/", f"{ROOT}/eval/")
NO_WORK = ("readable", "seekable", "tell", "readinto")  # libraries take their errors for a no; the last passes its on
MOMENTS = 25  # of each reader


def out_of_memory() -> BaseException:
    return MemoryError()


def failing_disk() -> BaseException:
    return OSError(errno.EIO, os.strerror(errno.EIO))


def lines_until(
    work: Callable[[], object], last: int | None, lack: Callable[[], BaseException]
) -> tuple[int, BaseException | None]:
    """Do some work that finds a lack at the `last`-th line of ours (None: never); how many lines, and its error."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS) or frame.f_code.co_name in NO_WORK:
            return None
        if event == "line":
            count += 1
            if count == last:
                raise lack()
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


def blames(error: BaseException | None) -> bool:
    """Whether a file is said to be at fault, and not what was."""
    if error is None or isinstance(error, UserError):
        return os.strerror(errno.EIO) not in str(error)
    return not is_machine(error)


@pytest.mark.parametrize("lack", [out_of_memory, failing_disk])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name.replace(" ", "_"))
def test_a_whole_file_is_not_blamed(reader: Reader, lack: Callable[[], BaseException], tmp_path: Path) -> None:
    target = tmp_path / "target"
    path = target / reader.file
    path.parent.mkdir(parents=True)
    reader.around(target)
    path.write_bytes(reader.seeds()[0])
    reader.read(path)  # imports and compiles
    lines, error = lines_until(lambda: reader.read(path), None, lack)
    assert error is None
    draws = random.Random(reader.name)
    for moment in sorted(draws.randint(1, lines) for _ in range(min(MOMENTS, lines))):
        _, error = lines_until(lambda: reader.read(path), moment, lack)
        assert not blames(error), (moment, repr(error))


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (RuntimeError("unable to mmap 8 bytes from file <a.pt>: Cannot allocate memory (12)"), True),
        (RuntimeError("can't allocate read lock"), True),
        (RuntimeError("PytorchStreamReader failed"), False),
        (SystemError("<function f at 0x7f3a> returned NULL without setting an exception"), True),
        (SystemError("error return without exception set"), True),
        (SystemError("<function f at 0x7f3a> returned a result with an exception set"), False),
        (chained(RuntimeError("Pickle failed"), MemoryError()), True),
        (chained(ValueError("a"), KeyError("b")), False),
    ],
)
def test_lacks_of_memory_are_told_from_damage(error: BaseException, expected: bool) -> None:
    assert is_memory(error) is expected


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "a"), OSError(errno.EMFILE, "b", "named")])
def test_errors_of_the_machine_are_raised_again_with_the_file(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        raise_if_machine(error, Path("some.npz"))
    if isinstance(error, OSError):
        assert isinstance(raised.value, OSError) and raised.value.filename in ("some.npz", "named")


def test_a_measurement_ends_where_a_disk_fails_and_goes_on_without_a_file_that_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(b"")
    (job,), failed = jobs_of_folder(tmp_path), []

    def reading(error: OSError) -> Callable[[], object]:
        def read() -> object:
            raise error

        return read

    assert tried(job, reading(FileNotFoundError(errno.ENOENT, "gone")), failed) is None and len(failed) == 1
    with pytest.raises(OSError, match="Input/output error"):
        tried(job, reading(OSError(errno.EIO, os.strerror(errno.EIO))), failed)
    assert len(failed) == 1


@pytest.mark.parametrize("error", [OSError(errno.EINVAL, "Invalid argument"), FileNotFoundError(2, "a"), KeyError("a")])
def test_errors_of_files_are_left_to_be_told(error: BaseException) -> None:
    raise_if_machine(error, Path("some.npz"))
