"""Close the network for this process and everything that it starts, for good."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys

from ..errors import RunError

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_LD_ABS, _JEQ, _JGE, _RET = 0x20, 0x15, 0x35, 0x06
_NR_OFFSET, _ARCH_OFFSET, _ARG0_OFFSET = 0, 4, 16
_AF_UNIX = 1
_AF_NETLINK = 16
"""Questions to this machine's own kernel (ZeroMQ lists interfaces with it); it reaches nobody else."""
_OTHER_ABI = 0x40000000
"""System call numbers from here on belong to x32, the same calls by other numbers."""
_IO_URING_SETUP = 425
"""A ring can open sockets without any call to ``socket(2)``; the number is the same on both machines."""
_SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Audit architecture and number of ``socket(2)``; see ``linux/audit.h`` and the system call tables."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def close_network() -> None:
    """
    Let this process and its children open sockets within this machine only (``AF_UNIX``), irrevocably.

    A seccomp filter makes ``socket(2)`` fail with EACCES for every other family, whatever program asks
    for it. Sockets that are open already stay open.

    Raises
    ------
    RunError
        This system cannot do that; nothing was run.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _SOCKET:
        raise RunError(
            f"the network cannot be closed on {sys.platform}/{machine}: an offline replay needs Linux on "
            "x86_64 or aarch64. Nothing was run."
        )
    arch, number = _SOCKET[machine]
    program = b"".join(
        struct.pack("=HBBI", code, yes, no, value)
        for code, yes, no, value in (
            (_LD_ABS, 0, 0, _ARCH_OFFSET),
            (_JEQ, 1, 0, arch),
            (_RET, 0, 0, _ERRNO | errno.EACCES),  # another instruction set: nothing is allowed to hide there
            (_LD_ABS, 0, 0, _NR_OFFSET),
            (_JGE, 6, 0, _OTHER_ABI),
            (_JEQ, 5, 0, _IO_URING_SETUP),
            (_JEQ, 1, 0, number),
            (_RET, 0, 0, _ALLOW),
            (_LD_ABS, 0, 0, _ARG0_OFFSET),
            (_JEQ, 2, 0, _AF_UNIX),
            (_JEQ, 1, 0, _AF_NETLINK),
            (_RET, 0, 0, _ERRNO | errno.EACCES),
            (_RET, 0, 0, _ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(program, len(program))
    filters = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_char_p))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or (
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filters), 0, 0) != 0
    ):
        raise RunError(f"the network cannot be closed here (errno {ctypes.get_errno()}). Nothing was run.")
