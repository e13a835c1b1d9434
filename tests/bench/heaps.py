"""Heaps to be read, of a wanted number of GiB of arenas: a Python that makes one and then runs its clock.

    heaps.py KIND GIB

prints "ready"; then, for each line on stdin, a number of seconds, watches its own clock for so long and
answers with the largest gaps between two looks, in microseconds.
"""
import sys
import time

ELEMENT = 80  # bytes, of a 1-tuple with its GC header and its number (CPython 3.8 and later)


def full(size):
    """Small objects, all of them live."""
    return [(number,) for number in range(int(size // ELEMENT))]


def fragmented(size):
    """Every second one gone: each pool is partly used, its free chain all over it."""
    everything = full(size)
    del everything[::2]
    return everything


def gaps(seconds):
    clock = time.perf_counter
    end = clock() + seconds
    found = []
    before = clock()
    while before < end:
        now = clock()
        if now - before > 20e-6:
            found.append(now - before)
        before = now
    found.sort(reverse=True)
    return " ".join("%.0f" % (gap * 1e6) for gap in found[:20])


def main():
    kept = globals()[sys.argv[1]](float(sys.argv[2]) * 2**30)
    print("ready", flush=True)
    for line in sys.stdin:
        print(gaps(float(line)), flush=True)
    del kept


main()
