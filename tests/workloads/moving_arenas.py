"""A CPython 3.11 that pretends to have N more arenas than it has, at other addresses each time it
is asked.

The arenas cost it nothing: all of them map the same few pages, each of which begins with the header
of a full pool. A reader that takes them for arenas spends as much on them as on real ones. It takes
N (a power of two, including the real arenas) from the command line and the address of the variable
`arenas` (Objects/obmalloc.c) from stdin. It then answers each line with the addresses between which
the arenas are now. Two more arguments: the number of children, which have the first set of arenas,
too, and the distance between the arenas in MiB."""
import array
import ctypes
import gc
import mmap
import os
import signal
import struct
import sys

ARENA, POOL = 1 << 20, 16384
FILE_ARENAS = 64
BLOCK, CAPACITY, CLASS = 512, 31, 31
SLOT_WORDS = 6
PROT_READ, MAP_SHARED, MAP_FIXED_NOREPLACE, PR_SET_PDEATHSIG = 1, 1, 0x100000, 1
FROM, STEP = 0x100000000000, 1 << 37

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
libc.mmap.restype = ctypes.c_void_p
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def pages(first_index, spread):
    """A file of arenas in which only the header of each first pool is set."""
    fd = os.memfd_create("arenas")
    os.ftruncate(fd, FILE_ARENAS * spread)
    for i in range(FILE_ARENAS):
        os.pwrite(fd, struct.pack("IIQQQIIII", CAPACITY, 0, 0, 0, 0, first_index + i, CLASS,
                                  48 + CAPACITY * BLOCK, POOL - BLOCK), i * spread)
    return fd


def read_slots(base):
    """The words of the real array, up to the last slot in use."""
    words = []
    while True:
        slot = (ctypes.c_uint64 * SLOT_WORDS).from_address(base + len(words) * 8)[:]
        if not slot[0] or slot[2] >> 32 not in (ARENA // POOL - 1, ARENA // POOL):
            return words
        words += slot


def start_children(cnt):
    for _ in range(cnt):
        if not os.fork():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.pause()


def main(slot_cnt, child_cnt=0, spread_mib=1):
    spread = spread_mib * ARENA
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    gc.disable()
    variable = ctypes.c_uint64.from_address(int(sys.stdin.readline(), 16))
    words = array.array("Q", read_slots(variable.value))
    real_cnt = len(words) // SLOT_WORDS
    forged_cnt = slot_cnt - real_cnt
    fd = pages(real_cnt, spread)
    words.extend([0] * (forged_cnt * SLOT_WORDS))
    arrays = [words, array.array("Q", words)]
    address, turn = FROM, 0
    while True:
        last, address = address, address + STEP
        for at in range(0, forged_cnt, FILE_ARENAS):
            if libc.mmap(address + at * spread, FILE_ARENAS * spread, PROT_READ,
                         MAP_SHARED | MAP_FIXED_NOREPLACE, fd,
                         0) != address + at * spread:
                sys.exit("mmap: errno %d" % ctypes.get_errno())
        turn = 1 - turn
        to = arrays[turn]
        for i in range(forged_cnt):
            start = address + i * spread
            at = (real_cnt + i) * SLOT_WORDS
            to[at] = start
            to[at + 1] = start + POOL
            to[at + 2] = ARENA // POOL << 32 | (ARENA // POOL - 1)
        ctypes.memmove(to.buffer_info()[0], variable.value, real_cnt * SLOT_WORDS * 8)
        variable.value = to.buffer_info()[0]
        if last != FROM:
            libc.munmap(last, (forged_cnt + FILE_ARENAS) * spread)
        start_children(child_cnt)
        child_cnt = 0
        sys.stdout.write("%x %x\n" % (address, address + forged_cnt * spread))
        sys.stdout.flush()
        if not sys.stdin.readline():
            return


main(*map(int, sys.argv[1:]))
