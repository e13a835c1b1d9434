"""Shared by the hostile programs in Python: access to words of their own memory by address, and the
report that they are ready."""
import ctypes
import os
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_MM, PR_SET_MM_MAP = 35, 14


def word(address):
    return ctypes.c_uint64.from_address(address).value


def set_word(address, value):
    ctypes.c_uint64.from_address(address).value = value & (1 << 64) - 1


def say_ready():
    print("ready", os.getpid(), flush=True)


def rest():
    """Prints that it is ready, then does nothing more."""
    say_ready()
    while True:
        time.sleep(1000)


def check(result, what):
    if result < 0:
        sys.exit("%s: %s" % (what, os.strerror(ctypes.get_errno())))
    return result


def claim_arguments(start, end):
    """Makes /proc/self/cmdline show the memory from @start to @end."""
    with open("/proc/self/stat", "rb") as file:
        state, *numbers = file.read().rpartition(b")")[2].split()
    field = [0, 0, 0, state] + [int(number) for number in numbers]  # numbered as in proc(5)
    libc.sbrk.restype = ctypes.c_uint64
    words = [field[26], field[27], field[45], field[46], field[47], libc.sbrk(0), field[28], start,
             end, field[50],
             field[51], 0, 0xffffffff << 32]
    prctl_mm_map = (ctypes.c_uint64 * len(words))(*words)
    check(libc.prctl(PR_SET_MM, PR_SET_MM_MAP, prctl_mm_map,
                     ctypes.c_ulong(ctypes.sizeof(prctl_mm_map)), 0),
          "PR_SET_MM_MAP")
