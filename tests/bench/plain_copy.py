"""A plain copy of another process' memory: the least that any reader of it has to do."""
import ctypes
import os
import re
import time

# Small enough to stay in a core's cache, so that the copied data costs as little as possible.
CHUNK_BYTES = 256 << 10
LIBC = ctypes.CDLL(None, use_errno=True)


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def arena_ranges(pid, arena_bytes):
    """The mappings that contain the arenas: the largest anonymous ones, until their sizes
    suffice."""
    with open("/proc/%d/maps" % pid) as maps:
        found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0\s*$", maps.read(), re.M)
    sizes = sorted(((int(end, 16) - int(start, 16), int(start, 16)) for start, end in found),
                   reverse=True)
    ranges = []
    for size, start in sizes:
        size = min(size, arena_bytes)
        if size:
            ranges.append((start, size))
        arena_bytes -= size
    return ranges


def heap_ranges(pid):
    """The mappings of the program break, of which a process may have several."""
    with open("/proc/%d/maps" % pid) as maps:
        found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw-p .*\[heap\]$", maps.read(), re.M)
    return [(int(start, 16), int(end, 16) - int(start, 16)) for start, end in found]


def copy_s(pid, ranges):
    """The seconds that a copy takes."""
    buffer = ctypes.create_string_buffer(CHUNK_BYTES)
    here = _Iovec(ctypes.addressof(buffer), CHUNK_BYTES)
    begin = time.perf_counter()
    for start, size in ranges:
        for at in range(start, start + size, CHUNK_BYTES):
            there = _Iovec(at, min(CHUNK_BYTES, start + size - at))
            if LIBC.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return time.perf_counter() - begin
