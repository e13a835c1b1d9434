"""Heaps to be read, with a given number of GiB of arenas: a Python that fills one, and then obeys
each line on stdin.

    heaps.py KIND GIB

It prints "ready"; then answers each command in a line:

    clock SECONDS    reads its own clock for that long: the largest gaps between two reads, in
                     microseconds
    churn SECONDS    allocates and frees small objects
    census           seconds that gc.get_objects() and counting the types of its result take
    blocks           the number of allocated blocks
    census_with_sizes  like census, and sums up their sizes
    guppy            seconds that guppy3's heap() takes; "none" if it is not installed
"""
import array
import ctypes
import gc
import sys
import time

# bytes of a 1-tuple with its GC header and its number, and of an empty list (CPython 3.8 on)
ELEMENT = 80


def full(size):
    """Small objects, all of them live."""
    return [(number,) for number in range(int(size // ELEMENT))]


def fragmented(size):
    """Every second object freed: each pool is partly used, and its free list is scattered over
    it."""
    everything = full(size)
    del everything[::2]
    return everything


def tracked(size):
    """Objects that the garbage collector tracks, like those of most programs."""
    gc.disable()
    return [[] for _ in range(int(size // ELEMENT))]


def small_chunks(size):
    """Chunks of 128 bytes in the heap of malloc, every second one freed."""
    return _chunks(size, 128)


def large_chunks(size):
    """Chunks of 100 KiB, which have no mapping of their own yet."""
    return _chunks(size, 100 << 10)


def _chunks(size, chunk_bytes):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_size_t
    libc.free.argtypes = [ctypes.c_size_t]
    libc.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD: it does not rise by itself then
    # Numbers of Python would fill a heap of pymalloc with a quarter of the size, which is read too.
    kept = array.array("L", bytes(8 * int(size // chunk_bytes)))
    for number in range(len(kept)):
        kept[number] = libc.malloc(chunk_bytes - 8)  # a header of 8 bytes belongs to each
    for at in kept:
        ctypes.memset(at, 1, chunk_bytes - 8)
    for at in kept[::2]:
        libc.free(at)
    return kept[1::2]


class Node(object):
    __slots__ = ("name", "values")


def mixed(size):
    """Blocks of five kinds in turn: an object, its name, a tuple, and the two numbers in the
    tuple."""
    nodes = []
    for number in range(int(size // 256)):
        node = Node()
        node.name = "node number %9d of them" % number
        node.values = (number + 100000, number * 1.5)
        nodes.append(node)
    return nodes


def clock(seconds):
    now = time.perf_counter
    end = now() + float(seconds)
    found = []
    before = now()
    while before < end:
        after = now()
        if after - before > 20e-6:
            found.append(after - before)
        before = after
    found.sort(reverse=True)
    return " ".join("%.0f" % (gap * 1e6) for gap in found[:20])


def churn(seconds):
    end = time.perf_counter() + float(seconds)
    while time.perf_counter() < end:
        [(number, number + 0.5) for number in range(300)]
    return "ok"


def census():
    start = time.perf_counter()
    counts = {}
    for thing in gc.get_objects():
        kind = type(thing)
        counts[kind] = counts.get(kind, 0) + 1
    return "%f" % (time.perf_counter() - start)


def blocks():
    return sys.getallocatedblocks()


def census_with_sizes():
    start = time.perf_counter()
    counts, sizes = {}, {}
    for thing in gc.get_objects():
        kind = type(thing)
        counts[kind] = counts.get(kind, 0) + 1
        sizes[kind] = sizes.get(kind, 0) + sys.getsizeof(thing)
    return "%f" % (time.perf_counter() - start)


def guppy():
    try:
        from guppy import hpy
    except ImportError:
        return "none"
    start = time.perf_counter()
    str(hpy().heap())
    return "%f" % (time.perf_counter() - start)


def main():
    kept = globals()[sys.argv[1]](float(sys.argv[2]) * 2**30)
    print("ready", flush=True)
    for line in sys.stdin:
        words = line.split()
        print(globals()[words[0]](*words[1:]), flush=True)
    del kept


main()
