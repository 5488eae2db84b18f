"""How much more memory a call needs than what is held before it."""

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["extra_memory", "METHOD"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def _kernel_peak():
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmHWM")


def _reset_kernel_peak():
    _CLEAR.write_text("5")


def _give_back():
    """Return freed memory to the system: kept by the allocator, it would hide what the call takes again."""
    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # an allocator without it: the figure is a lower bound
        ctypes.CDLL(None).malloc_trim(0)


def _can_reset():
    try:
        _reset_kernel_peak()
        return _kernel_peak() > 0
    except (OSError, ValueError, IndexError):
        return False


def _process_peak():
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if _can_reset():
    METHOD = (
        "high-water mark of resident memory (Linux kernel, VmHWM), reset before the call, freed memory"
        " returned first"
    )
elif sys.platform != "win32":
    METHOD = "rise of the process's peak resident memory (ru_maxrss): nothing shows below an earlier peak"
else:
    METHOD = "not measured on this system"


def extra_memory(call):
    """Run ``call()``; the bytes its peak of resident memory lay above what was resident before, or None.

    The result of the call counts too. ``METHOD`` says in words how it is measured on this system.
    """
    _give_back()
    if METHOD.startswith("high-water"):
        _reset_kernel_peak()  # the mark falls to what is resident now
        before = _kernel_peak()
        result = call()
        extra = _kernel_peak() - before
    elif METHOD.startswith("rise"):
        before = _process_peak()
        result = call()
        extra = _process_peak() - before
    else:
        result = extra = None
    del result
    return extra
