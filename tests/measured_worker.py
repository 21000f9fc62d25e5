"""`livekit-bithuman worker` that says, at SIGUSR1, how much native memory it uses: `python -m tests.measured_worker …`.

Resident memory goes up and down by megabytes; what malloc has handed out and not got back is exact. Linux with glibc.
"""

from __future__ import annotations

import ctypes
import gc
import signal
import sys

from livekit_bithuman.cli import main

SAID = "native memory in use:"


class _Mallinfo2(ctypes.Structure):
    """mallinfo(3)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def _say(*_: object) -> None:
    gc.collect()
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Mallinfo2
    print(SAID, ask().uordblks, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _say)
    sys.exit(main())
