"""What every encoder looks like from outside, and what all of them share."""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from argus3d.errors import UserError
from argus3d.model.conditions import Encoded
from argus3d.threads import one_thread

# Most tokens of a text that get a vector of their own: as many as 95 % of the captions of components have, and all of
# those of the other sources.
TOKENS = 56


class Encoder(Protocol):
    """A frozen network that makes `length` vectors of `features` numbers of each thing it is given."""

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str:
        """Hex, of the file of the weights."""
        ...

    @property
    def features(self) -> int: ...

    @property
    def length(self) -> int: ...


class TextEncoder(Encoder, Protocol):
    """An encoder of texts."""

    def encode(self, texts: Sequence[str]) -> Encoded:
        """values (B, L, F) float32 and mask (B, L) bool, on the CPU; False past the end of a text.

        Raises: UserError for a text that is empty or longer than the network reads.
        """
        ...


class ImageEncoder(Encoder, Protocol):
    """An encoder of images."""

    def encode(self, images: Sequence[NDArray[np.uint8]]) -> Encoded:
        """values (B, L, F) float32 and mask (B, L) bool, all True, on the CPU, of images (H, W, 3) uint8.

        Raises: UserError for an array of another shape or type.
        """
        ...


@contextmanager
def exact() -> Iterator[None]:
    """Compute without gradients, and on the CPU as if there were one core, so that numbers do not depend on it."""
    with torch.no_grad(), one_thread():
        yield


def encoded_rows(rows: Sequence[Tensor], length: int, features: int) -> Encoded:
    """Each of rows (l, F), l at most `length`, from the start of its row of L vectors; zeros and False after it."""
    values = torch.zeros(len(rows), length, features)
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for place, row in enumerate(rows):
        values[place, : len(row)] = row.float().cpu()
        mask[place, : len(row)] = True
    return Encoded(values, mask)


def checked_text(text: str, tokens: int, limit: int, name: str) -> None:
    """Raises: UserError for a text of no or of too many tokens; both are the caller's counts, without special ones."""
    if tokens == 0:
        raise UserError("the text is empty; say what the shape is to be, or leave the text out.")
    if tokens > limit:
        start = text if len(text) <= 40 else text[:37] + "..."
        raise UserError(
            f"the text {start!r} has {tokens:,} tokens, and {name} reads at most {limit}; say it in fewer words."
        )


def checked_unicode(text: str) -> str:
    """`text` itself. Raises: UserError for halves of characters, as undecodable bytes of a command line become."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(f"the text {text[:40]!r} holds bytes that are no UTF-8; write it again.")
    return text


def require(module: str, extra: str, what: str) -> Any:
    """An optional module. Raises: UserError with the extra of this package that brings it, where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f'{what} needs {error.name or module}; install it by `pip install "argus3d[{extra}]"`.'
        ) from error
