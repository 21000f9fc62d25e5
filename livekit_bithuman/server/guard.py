"""Run a command for as long as our standard input stays open: `python guard.py COMMAND [ARGUMENT ...]`.

Whoever starts us holds the other end of a pipe. When that process ends, even by SIGKILL, the kernel closes the pipe,
and the command is killed. No state is lost: a livekit-server without Redis keeps everything in memory.

It is started by path, with `-I -S`, so it must use the standard library alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    # A session of our own: Ctrl-C in the terminal goes to our owner, who decides when the command ends.
    if os.getpid() != os.getsid(0):
        os.setsid()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: child.kill())

    def watch_owner() -> None:
        # os.read rather than sys.stdin: a daemon thread that waits inside a buffered reader holds its lock, which
        # makes the interpreter abort at exit.
        while os.read(0, 64):
            pass
        child.kill()

    threading.Thread(target=watch_owner, daemon=True).start()
    status = child.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
