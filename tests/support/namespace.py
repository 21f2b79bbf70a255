"""What runs first in a private host, and in a namespace inside one.

    namespace.py init GTUNE TARGET   pid 1: own /proc, lo up, GTUNE mounted at TARGET; says its pid as seen from outside,
                                     then reaps orphans until its standard input ends. The kernel kills the rest.
    namespace.py exec COMMAND...     lo up, then the command in its place
"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x1 | 0x40
MS_BIND = 0x1000


def mount(source, target, kind, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    words = [os.fsencode(word) for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), None) != 0:
        error = ctypes.get_errno()
        sys.exit(f"cannot mount {source} at {target}: {os.strerror(error)}")


def raise_loopback():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP_RUNNING))


def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def init(gtune, target):
    # /proc is still the one from outside, so it names this process by its number there.
    outside = os.readlink("/proc/self")
    mount("proc", "/proc", "proc", 0)
    mount(gtune, target, "none", MS_BIND)
    raise_loopback()
    signal.signal(signal.SIGCHLD, reap)
    print(outside, flush=True)
    sys.stdin.buffer.read()


if sys.argv[1] == "init":
    init(*sys.argv[2:])
else:
    raise_loopback()
    os.execvp(sys.argv[2], sys.argv[2:])
