"""What a reader does while it reads: the lines that it reaches, and what it asks of the machine."""

import os
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

# Our readers, and those of others that are written in Python.
TRACED = ("/argus3d/", "/eval/", "/trimesh/exchange/", "/py7zr/")
# Events that no reader has a reason for.
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "ctypes.dlopen")
# Events that change what is on the disk, whose first argument is a path.
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate")
Line = tuple[str, int]


class Traced:
    """Lines of the traced modules; `fresh` are those that nothing had reached before."""

    def __init__(self, seen: set[Line]) -> None:
        self.seen = seen
        self.fresh: set[Line] = set()
        self._wanted: dict[CodeType, bool] = {}

    def start(self) -> None:
        self.fresh = set()
        sys.settrace(self._call)

    def stop(self) -> None:
        sys.settrace(None)
        self.seen |= self.fresh

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        wanted = self._wanted.get(code)
        if wanted is None:
            wanted = self._wanted[code] = _is_traced(code)
        return self._line if wanted else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        key = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and key not in self.seen:
            self.fresh.add(key)
        return self._line


class Monitored:
    """The same for Python 3.12 and newer, where a line that was reached once costs nothing any more."""

    def __init__(self, seen: set[Line]) -> None:
        self.seen = seen
        self.fresh: set[Line] = set()
        monitor = self._monitor = sys.monitoring
        monitor.use_tool_id(monitor.COVERAGE_ID, "fuzzing")
        monitor.register_callback(monitor.COVERAGE_ID, monitor.events.PY_START, self._call)
        monitor.register_callback(monitor.COVERAGE_ID, monitor.events.LINE, self._line)
        monitor.set_events(monitor.COVERAGE_ID, monitor.events.PY_START)  # stays: to turn it off and on is what costs

    def start(self) -> None:
        self.fresh = set()

    def stop(self) -> None:
        self.seen |= self.fresh

    def _call(self, code: CodeType, offset: int) -> object:
        if _is_traced(code):
            self._monitor.set_local_events(self._monitor.COVERAGE_ID, code, self._monitor.events.LINE)
        return self._monitor.DISABLE

    def _line(self, code: CodeType, line: int) -> object:
        if (code.co_filename, line) not in self.seen:
            self.fresh.add((code.co_filename, line))
        return self._monitor.DISABLE


def _is_traced(code: CodeType) -> bool:
    return any(part in code.co_filename for part in TRACED)


Lines = Monitored if hasattr(sys, "monitoring") else Traced


class Guard:
    """An audit hook of this process: what is done outside a folder is noted, and programs are not started."""

    def __init__(self, target: Path) -> None:
        self._target, self._outside = str(target.resolve()), str(outside(target).resolve())
        self.breaches: list[str] = []
        self.active = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event in FORBIDDEN:
            self.breaches.append(f"{event} {arguments!r:.200}")
            raise PermissionError(f"{event} is not for readers")
        if event == "open" and isinstance(arguments[0], str | bytes):
            path, _, flags = arguments
            writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            self._note(event, path, writes)
        elif event in CHANGES:
            for path in arguments[:2]:
                if isinstance(path, str | bytes):
                    self._note(event, path, True)

    def _note(self, event: str, path: str | bytes, writes: bool) -> None:
        real = os.path.realpath(os.fsdecode(path))
        if real.startswith(self._outside) or (writes and not real.startswith((self._target, "/dev/null"))):
            self.breaches.append(f"{event} {real.replace(os.path.dirname(self._target), '...')}")


def outside(target: Path) -> Path:
    """The folder beside a target that nothing inside may lead to."""
    return target.parent / "outside"
