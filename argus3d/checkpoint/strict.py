"""Strict loading: every tensor that the sizes ask for, no other, each of its shape."""

from collections.abc import Mapping

from torch import Tensor, nn

from argus3d.errors import UserError

Shapes = Mapping[str, tuple[int, ...]]


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor by name."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def mismatch(found: Shapes, wanted: Shapes) -> str | None:
    """What differs, in words that name the first tensor; None where names and shapes are the same."""
    missing = [name for name in wanted if name not in found]
    unknown = [name for name in found if name not in wanted]
    if missing or unknown:
        return f"{len(missing)} tensors are missing{_first(missing)} and {len(unknown)} unknown{_first(unknown)}"
    for name, shape in wanted.items():
        if found[name] != shape:
            return f"{name} is {found[name]}, the sizes ask for {shape}"
    return None


def _first(names: list[str]) -> str:
    return f" (the first: {names[0]})" if names else ""


def require_match(found: Shapes, wanted: Shapes, source: str) -> None:
    """Raises: UserError that names `source` and the first tensor that is missing, unknown or of another shape."""
    difference = mismatch(found, wanted)
    if difference:
        raise UserError(f"{source}: {difference}; the file is of another model or version.")


def fill(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Make the tensors of `state` the module's own, without a copy. Raises: UserError that names `source`."""
    require_match(shapes_of(state), shapes_of(module.state_dict()), source)
    module.load_state_dict(state, strict=True, assign=True)
