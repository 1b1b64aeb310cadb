"""What a stage is to the loop that trains it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from torch import Tensor, nn

from argus3d.errors import UserError

Batch = TypeVar("Batch")
PARALLEL = ("ddp", "fsdp")


@dataclass(frozen=True)
class Execution:
    """How a run is computed: what may change between the runs of one folder, for it moves results by rounding alone.

    parallel : None for one process, "ddp" for a copy of the model in each, "fsdp" for a share of it in each
    accumulate : slices that the rows of a process are computed in, one after the other
    recompute : keep only the input of each transformer block and compute the rest again on the way back
    """

    device: str = "cpu"
    parallel: str | None = None
    accumulate: int = 1
    recompute: bool = False

    def __post_init__(self) -> None:
        if self.parallel not in (None, *PARALLEL):
            raise UserError(f"parallel {self.parallel!r} is not known; it is {' or '.join(PARALLEL)}.")
        if self.accumulate < 1:
            raise UserError(f"accumulate is {self.accumulate}; it is a number of slices, 1 or more.")


SINGLE = Execution()


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Settings in settings under one name each: {"a": {"b": 1}} -> {"a.b": 1}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return found


class Stateful(Protocol):
    """What is saved beside the weights so that a resumed run goes on exactly."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class Training(ABC, Generic[Batch]):
    """One training run of a model on batches that (seed, number of the step) decide."""

    model: nn.Module

    @abstractmethod
    def batch(self, number: int) -> Batch:
        """All rows of step `number`, in the memory of the host.

        It is called in a thread of its own while the step before is computed, and in every process.
        """

    @abstractmethod
    def losses(self, number: int, batch: Batch, rows: slice) -> dict[str, Tensor]:
        """Losses by name of some rows of a batch; "loss" is what is minimised.

        The mean over slices of equal length is the loss of the whole batch.
        """

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Metrics by name."""

    def settings(self) -> dict[str, Any]:
        """What must agree between the runs of one folder, beside the settings of the loop: JSON values by name."""
        return {}

    def settings_before(self) -> dict[str, Any]:
        """What settings were, by name, in runs from before they were among `settings`."""
        return {}

    def state(self) -> dict[str, Stateful]:
        """What is saved beside the model and its optimiser."""
        return {}

    def finish(self, number: int) -> None:
        """Called when all losses of step `number` are computed."""

    def uses_all(self) -> bool:
        """Whether every step surely gives a gradient to every weight that is trained; DDP is faster if so."""
        return False

    def report(self) -> dict[str, float]:
        """What joins each line of the log."""
        return {}
