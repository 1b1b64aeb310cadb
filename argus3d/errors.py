"""Errors that are written for people."""

import errno


class UserError(Exception):
    """One sentence: what was wrong, with which file or id, and what to do about it."""


INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there."
OUT_OF_MEMORY = (
    "memory ran out; ask for fewer --workers or a smaller --batch-size, where the command has them, or free some. What "
    "was finished is kept."
)
AGAIN = "see to it, and try again."  # ends what is said of a failure of the machine and not of a shape

# What torch, threads and locks say in place of a MemoryError.
_NO_MEMORY = (
    "can't allocate", "Cannot allocate memory", "can't start new thread", "CUDA out of memory",
    "could not create a primitive",
)  # fmt: skip
# What an interpreter says of a call for which it found no room.
_NO_ROOM = ("returned NULL without setting an exception", "error return without exception set")
# What says nothing of the file that was read or written: a disk or a share that fails for now, too many open files.
_MACHINE = frozenset(
    getattr(errno, name)
    for name in ("EIO", "ENOMEM", "EMFILE", "ENFILE", "ENOSPC", "EDQUOT", "ESTALE", "ETIMEDOUT", "ENOBUFS")
    if hasattr(errno, name)
)


def is_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, or came while one that does was handled."""
    return any(map(_says_memory, _chain(error)))


def is_machine(error: BaseException) -> bool:
    """Whether an error is the machine's and no file's: a lack of memory or space, a disk or a share that fails."""
    return any(_says_memory(one) or (isinstance(one, OSError) and one.errno in _MACHINE) for one in _chain(error))


def raise_if_machine(error: BaseException, file: object = None) -> None:
    """Raise an error of the machine again, with the name of the file that was read, before that is blamed for it.

    To be called first wherever a reader takes any exception for damage: nobody should remove a whole file.
    """
    if not is_machine(error):
        return
    if isinstance(error, OSError) and error.filename is None and file is not None:
        error.filename = str(file)
    raise error


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    return chain


def _says_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, SystemError):
        return any(words in str(error) for words in _NO_ROOM)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    )
