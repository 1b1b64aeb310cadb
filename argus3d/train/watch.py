"""What a run says of itself while it goes: one line of progress, and a stop when a number is none."""

import math
import time
from pathlib import Path

import torch
from torch import Tensor

from argus3d.errors import UserError
from argus3d.meter import Meter
from argus3d.train.processes import averaged, first
from argus3d.train.state import Course

# A GPU waits whenever somebody looks at its numbers.
SECONDS_BETWEEN_LOOKS = 0.2


class Watch:
    """Losses and gradient norms of the steps, looked at now and then, and always before anything is saved.

    folder : names the last good state in the error
    steps : of the whole run

    Raises: UserError, at a look, naming the first step whose loss or gradient is not finite.
    """

    def __init__(self, folder: Path, course: Course, steps: int) -> None:
        self._folder, self._course, self._names = folder, course, [""]
        self._waiting: list[tuple[int, Tensor]] = []
        self._values: list[float] = []
        self._looked = self._marked = time.monotonic()
        self._marked_step = course.done
        self._line = Meter(
            desc=folder.name, unit="step", initial=course.done, total=steps, disable=None if first() else True
        )

    def close(self) -> None:
        self._line.close()

    def add(self, number: int, losses: dict[str, Tensor], norm: Tensor, rate: float) -> None:
        """Take note of step `number`."""
        self._names = [*losses, "gradient_norm"]
        values = torch.stack([value.detach().float() for value in (*losses.values(), norm)])
        self._waiting.append((number, averaged(values)))
        if time.monotonic() - self._looked > SECONDS_BETWEEN_LOOKS:
            self.look()
            shown = {
                "loss": f"{self._course.running:.4f}",
                "gradient": f"{self._values[-1]:.2g}",
                "rate": f"{rate:.1e}",
            }
            self._line.set_postfix(shown, refresh=False)
        self._line.update()

    def look(self) -> None:
        """Read the numbers of all steps since the last look."""
        self._looked = time.monotonic()
        if not self._waiting:
            return
        numbers, rows = zip(*self._waiting, strict=True)
        self._waiting = []
        for number, values in zip(numbers, torch.stack(rows).tolist(), strict=True):
            self._require_finite(number, dict(zip(self._names, values, strict=True)))
            self._values = values
            running, loss = self._course.running, values[self._names.index("loss")]
            self._course.running = 0.98 * running + 0.02 * loss if number else loss

    def _require_finite(self, number: int, values: dict[str, float]) -> None:
        what, value = "loss", values["loss"]
        if math.isfinite(value):
            what, value = "norm of the gradients", values["gradient_norm"]
        if math.isfinite(value):
            return
        last = self._folder / "last.pt"
        kept = f"the last good state is {last}" if last.exists() else "no state was saved before it"
        raise UserError(f"the {what} at step {number} is {value}; {kept}, and a lower --learning-rate may help.")

    def values(self) -> dict[str, float]:
        """What a line of the log says of the step just done."""
        self.look()
        entry = {name: round(value, 6) for name, value in zip(self._names, self._values, strict=True)}
        return entry | {"running_loss": round(self._course.running, 6)}

    def speed(self) -> float:
        """Steps a second since the last mark."""
        return (self._course.done - self._marked_step) / max(1e-9, time.monotonic() - self._marked)

    def mark(self) -> None:
        """Begin to measure the speed anew, after what is no training."""
        self._marked, self._marked_step = time.monotonic(), self._course.done
