"""Runs before every embedded server, in the server's place: arranges that the server dies with its parent.

Run by path with `python -I -S` (standard library only, some 20 ms):

    guard.py [--user UID:GID] [--watch] PARENT_PID SIGNAL COMMAND...

On Linux the kernel is asked to send SIGNAL (a number) when the parent's thread ends, then COMMAND takes
this process over. Elsewhere (or with --watch) this process stays as a thin parent, which sends SIGNAL when
its standard input closes: a pipe whose other end only our parent holds. `--user` first gives up root's
rights, but not that of passing through directories closed to others: PostgreSQL refuses to run as root, and
may live under /root.
"""

import argparse
import ctypes
import os
import signal
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522
ORPHANED = 3
"""Exit code when the parent was gone before the server was started."""


def main() -> int:  # noqa: RET503 - exec does not return
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", metavar="UID:GID")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("parent", type=int)
    parser.add_argument("signal", type=int)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.user:
        uid, gid = map(int, arguments.user.split(":"))
        become(uid, gid)
    if arguments.watch or sys.platform != "linux":
        return watch(arguments.command, arguments.signal)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, arguments.signal, 0, 0, 0)
    if os.getppid() != arguments.parent:  # it died before the line above: nobody would tell us any more
        return ORPHANED
    os.execvp(arguments.command[0], arguments.command)  # noqa: S606 - the command is ours


def become(uid: int, gid: int) -> None:
    """Change to `uid`, keeping (on Linux, where allowed) the right to search directories as root does."""
    linux = sys.platform == "linux"
    if linux:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if linux:
        header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
        mask = 1 << CAP_DAC_READ_SEARCH
        libc.capset(header, struct.pack("=6I", mask, mask, mask, 0, 0, 0))
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)


def watch(command: list[str], orphan_signal: int) -> int:
    """Run the server as a child, pass signals on, end it when standard input closes. Returns its status."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def forward(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            server.send_signal(number)

    def end_with_parent() -> None:
        os.read(0, 1)
        forward(orphan_signal, None)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, forward)
    threading.Thread(target=end_with_parent, daemon=True).start()
    code = server.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
