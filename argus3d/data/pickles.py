"""What the pickles in a .pt file ask for, found out before PyTorch makes any of it.

PyTorch runs no code of a file that is loaded with `weights_only`, but it does believe every size in it: a few bytes may
stand for storages, tensors and texts of any length.
"""

import io
import math
import mmap
import pickle
import pickletools
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from argus3d.data.files import require_bounded

_MAX_KEY = 1000  # values within a tuple that is a key, which are hashed as often as they stand there
_MAX_SIDES = 64  # of a tensor; PyTorch computes with no more
_LEGACY_PICKLES = 5  # before the numbers of a file older than PyTorch 1.6: two marks, the machine, the value, keys
_ITEM_BYTES = {
    "UntypedStorage": 1, "ByteStorage": 1, "CharStorage": 1, "BoolStorage": 1, "ShortStorage": 2, "HalfStorage": 2,
    "BFloat16Storage": 2, "IntStorage": 4, "FloatStorage": 4, "LongStorage": 8, "DoubleStorage": 8,
    "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16,
}  # fmt: skip
_REBUILT = {f"torch._utils._rebuild_{name}" for name in ("tensor", "tensor_v2", "tensor_v3")}
_WRAPPED = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_SMALL = {
    "torch.Size", "torch.device", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype",
}  # fmt: skip
_KNOWN = {*_REBUILT, *_WRAPPED, *_SMALL, "collections.OrderedDict", "_codecs.encode"}


def require_modest(path: Path, mapped: bool = False) -> None:
    """Refuse a .pt file that asks for more than it holds.

    mapped : its numbers are not copied but mapped, so that they must not be compressed

    Raises: OSError; pickle.UnpicklingError for what is more than tensors, numbers, texts and containers of them, with
    "GLOBAL" before its name; ValueError for sizes that are not in the file, numbers that are repeated, and much else
    where it is damaged
    """
    with path.open("rb") as stream:
        is_archive = stream.read(4) == b"PK\x03\x04"  # as PyTorch tells; `zipfile` would look at the end
    if is_archive:
        _require_modest_archive(path, mapped)
    else:
        _require_modest_legacy(path)


def _require_modest_legacy(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        held: dict[str, int] = {}
        for _ in range(_LEGACY_PICKLES):
            held |= _storages(content)
        if sum(held.values()) > size:
            raise ValueError(f"its numbers would take {sum(held.values()):,} bytes, but it has {size:,}")


def _require_modest_archive(path: Path, mapped: bool) -> None:
    with zipfile.ZipFile(path) as archive:
        require_bounded(archive, path.stat().st_size)
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if len({name.lower() for name in sizes}) < len(archive.infolist()):
            raise ValueError("two of its members have one name")  # PyTorch would read the other one
        if mapped and any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("its members are compressed, which PyTorch's are not")
        folder = next(iter(sizes), "").partition("/")[0]
        with archive.open(f"{folder}/data.pkl") as stream:
            held = _storages(io.BytesIO(stream.read()))
        for key, wanted in held.items():
            there = sizes.get(f"{folder}/data/{key}", 0)
            if wanted > there:
                raise ValueError(f"its storage {key} would take {wanted:,} bytes, but has {there:,}")


@dataclass(frozen=True)
class _Global:
    """A name of PyTorch's or Python's that stands in a pickle."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """Numbers that a tensor is made of."""

    items: int


class _Thing:
    """Anything else that would be made."""


class _Tuple(tuple[Any, ...]):
    """A tuple; `weight` counts the values in it, as often as they stand there, if they are not too many for a key."""

    weight: int

    def __new__(cls, items: Iterable[Any]) -> "_Tuple":
        made = super().__new__(cls, items)
        weight = 1 + sum(item.weight if isinstance(item, _Tuple) else 1 for item in made)
        made.weight = min(weight, _MAX_KEY + 1)
        return made


@dataclass
class _Stack:
    """The machine that a pickle is a program for; containers stay empty, since no size depends on what is in them."""

    storages: dict[str, int] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def run(self, stream: IO[bytes] | mmap.mmap) -> None:
        """One pickle, from its start to its STOP."""
        for opcode, argument, _ in pickletools.genops(stream):  # type: ignore[arg-type]  # a mmap reads like a file
            self._step(opcode.name, argument)

    def _step(self, name: str, argument: Any) -> None:
        values = self.values
        match name:
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINSTRING":
                values.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE" | "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_SET":
                values.append(_Thing())
            case "GLOBAL":
                values.append(_Global(_known(".".join(argument.split(" ", 1)))))
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = values[-1]
            case "BINGET" | "LONG_BINGET":
                values.append(self.memo[argument])
            case "MARK":
                self.marks.append(values)
                self.values = []
            case "TUPLE" | "APPENDS" | "SETITEMS":
                self.values = self.marks.pop()
                if name == "TUPLE":
                    self.values.append(_Tuple(values))
                elif name == "SETITEMS":
                    _require_light(values[::2])
            case "EMPTY_TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                values.append(_Tuple(self._pop("123".find(name[-1]) + 1)))
            case "APPEND" | "BUILD":
                self._pop(1)
            case "SETITEM":
                _require_light(self._pop(2)[:1])
            case "REDUCE" | "NEWOBJ":
                values.append(_made(*self._pop(2)))
            case "BINPERSID":
                values.append(self._storage(*self._pop(1)))
            case "PROTO" | "STOP":
                pass
            case _:
                raise pickle.UnpicklingError(f"it uses {name}, which PyTorch does not")

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.values):
            raise ValueError("its pickle takes more than it put")
        taken = self.values[len(self.values) - count :]
        del self.values[len(self.values) - count :]
        return taken

    def _storage(self, told: Any) -> _Storage:
        """Source: `persistent_id` in torch/serialization.py."""
        match told:
            case ("storage", _Global(name), str(key), _, int(items), *_) if items >= 0:
                wanted = items * _ITEM_BYTES[name.rpartition(".")[2]]
                self.storages[key] = max(wanted, self.storages.get(key, 0))
                return _Storage(items)
        raise ValueError("its pickle names numbers in another way than PyTorch does")


def _known(name: str) -> str:
    if name in _KNOWN or (name.startswith("torch.") and name.count(".") <= 2):
        return name
    raise pickle.UnpicklingError(f"GLOBAL {name[:100]} is not read here")


def _made(called: Any, arguments: Any) -> Any:
    """What comes of calling it. Raises: ValueError for a tensor of more numbers than its storage has."""
    if not isinstance(called, _Global) or not isinstance(arguments, _Tuple):
        raise ValueError("its pickle calls what cannot be called")
    if called.name in _WRAPPED:
        return arguments[0]
    match called.name, arguments:
        case "collections.OrderedDict", ():
            pass
        case "_codecs.encode", (str(), "latin1"):
            pass
        case name, (_Storage(items), int(offset), tuple(shape), tuple(stride), *_) if name in _REBUILT:
            _require_inside(items, offset, shape, stride)
        case name, _ if name not in _SMALL:
            raise pickle.UnpicklingError(f"it makes more than tensors, with {name[:100]}")
    return _Thing()


def _require_light(keys: Iterable[Any]) -> None:
    if any(isinstance(key, _Tuple) and key.weight > _MAX_KEY for key in keys):
        raise ValueError(f"a key of more than {_MAX_KEY} values")


def _require_inside(items: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
    if len(shape) != len(stride) or len(shape) > _MAX_SIDES or min((offset, *shape, *stride)) < 0:
        raise ValueError(f"a tensor of shape {shape[:_MAX_SIDES]} and strides {stride[:_MAX_SIDES]}")
    if math.prod(shape) > items:
        raise ValueError(f"it repeats its numbers to shape {shape}; save a copy, tensor.contiguous()")
    end = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True)) + 1
    if math.prod(shape) and end > items:
        raise ValueError(f"a tensor of shape {shape} ends at {end} of {items} numbers")


def _storages(stream: IO[bytes] | mmap.mmap) -> Mapping[str, int]:
    """Bytes of each storage that the next pickle of a stream names, by its key."""
    stack = _Stack()
    stack.run(stream)
    return stack.storages
