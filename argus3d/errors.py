"""Errors that are written for people."""

import errno


class UserError(Exception):
    """One sentence: what was wrong, with which file or id, and what to do about it."""


INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there."
OUT_OF_MEMORY = (
    "memory ran out; ask for fewer --workers or a smaller --batch-size, where the command has them, or free some. What "
    "was finished is kept."
)

# What torch, threads and locks say in place of a MemoryError.
_NO_MEMORY = (
    "can't allocate", "Cannot allocate memory", "can't start new thread", "CUDA out of memory",
    "could not create a primitive",
)  # fmt: skip


def is_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, or came while one that does was handled."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    return any(map(_says_memory, chain))


def _says_memory(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, SystemError):  # so ends a call for whose frame an interpreter found no room
        return "returned NULL without setting an exception" in str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    )


def raise_if_memory(error: BaseException) -> None:
    """Raise an error again that says that memory ran out, before a file is blamed for it.

    To be called first wherever a reader takes any exception for damage: nobody should remove a whole file.
    """
    if is_memory(error):
        raise error
