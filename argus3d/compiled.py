"""Caches of compiled kernels that notice every change.

numba keeps machine code between runs, and compiles anew where the file of a kernel changed. It does not look at the
files of what the kernel calls, nor at constants from there: machine code would stay that of before, and so its numbers.
"""

import hashlib
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher


def compile_anew_with(caller: str, *used: str) -> None:
    """Compile the kernels of a module anew when another module changes whose kernels or constants they use.

    caller : `__name__`, at the end of the module
    used : names of all those other modules, and of those that they use in turn; they are imported already
    """
    files = [sys.modules[name].__file__ or "" for name in used]
    content = tuple(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files)
    for kernel in vars(sys.modules[caller]).values():
        if isinstance(kernel, Dispatcher) and kernel.py_func.__module__ == caller:
            # numba has no way to say it: what it compares with the cache is the file's time and size alone.
            index = vars(kernel)["_cache"]._cache_file
            index._source_stamp = (index._source_stamp, content)
