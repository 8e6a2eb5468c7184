"""Takes sockets and programs away from a process for good, by a filter of Linux's system calls.

For query workers over a store on disk: they open its files as they need them, so the limit of file
descriptors alone would leave them one for a socket.
"""

import ctypes
import errno
import platform
import struct
import sys

_CALLS = {
    "x86_64": (0xC000003E, (41, 53, 425, 59, 322)),
    "aarch64": (0xC00000B7, (198, 199, 425, 221, 281)),
}
"""Machine → how the kernel names it, and its numbers of socket, socketpair, io_uring_setup, execve
and execveat."""
_LOAD, _JUMP_IF_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000
"""From here on stand the same calls again, with pointers of 32 bits, on x86_64."""
_NUMBER, _MACHINE = 0, 4
"""Where these stand in what a filter is given."""
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000
_SET_SECCOMP, _NO_NEW_PRIVILEGES, _FILTER = 22, 38, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid_sockets() -> bool:
    """Have new sockets and programs refused from now on; whether this system can do that."""
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return False
    steps = _filter(*_CALLS[platform.machine()])
    program = _Program(len(steps) // 8, steps)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(machine: int, calls: tuple[int, ...]) -> bytes:
    """The program: calls of another machine's kind end the process, these calls are refused."""
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_IF_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_FROM, len(calls) + 1, 0, _X32),
        *((_JUMP_IF_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
