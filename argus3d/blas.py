"""Numpy's libraries round by how many threads share a product, as torch does (see `argus3d.threads`); without torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's products and decompositions compute in one thread until the end of the block."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """The libraries that are loaded, numpy's among them; to look for them takes milliseconds."""
    return ThreadpoolController()
