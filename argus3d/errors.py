"""Errors that are written for people."""


class UserError(Exception):
    """One sentence: what was wrong, with which file or id, and what to do about it."""


INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there."
OUT_OF_MEMORY = (
    "memory ran out; ask for fewer --workers or a smaller --batch-size, where the command has them, or free some. What "
    "was finished is kept."
)

# What torch and threads say in place of a MemoryError.
_NO_MEMORY = ("can't allocate memory", "can't start new thread", "CUDA out of memory", "could not create a primitive")


def is_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether an error says that memory ran out."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)
