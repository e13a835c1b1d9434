"""Computes the heap of a Python that has no statistics of its own (2.7) from its symbols, where the
file still has them.

It counts live blocks from the pool headers alone (ref.count); pyfrag follows the free lists
instead.
"""
import re
import struct
import subprocess

POOL_HEADER = 48
ARENA_OBJECT = 48


def _libpython(pid):
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-\S+ \S+ 0+ \S+ \S+ +(/\S*libpython\S*)", line)
            if match:
                return int(match.group(1), 16), match.group(2)
    raise AssertionError("no libpython in process %d" % pid)


def addresses(pid, *names):
    """The addresses of these variables in the process."""
    base, path = _libpython(pid)
    out = subprocess.run(["nm", path], stdout=subprocess.PIPE, check=True).stdout.decode()
    found = {}
    for line in out.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[2] in names:
            found[parts[2]] = base + int(parts[0], 16)
    return [found[name] for name in names]


class MallocStats:
    pass


def malloc_stats(pid, arena_size=256 << 10, pool_size=4096, alignment=16):
    arenas_at, maxarenas_at = addresses(pid, "arenas", "maxarenas")
    stats = MallocStats()
    stats.size_classes = {}
    stats.arenas = stats.live_bytes = stats.free_block_bytes = 0
    stats.free_pool_bytes = stats.overhead_bytes = 0
    with open("/proc/%d/mem" % pid, "rb") as memory:

        def read(address, layout):
            memory.seek(address)
            return struct.unpack(layout, memory.read(struct.calcsize(layout)))

        (arenas,) = read(arenas_at, "Q")
        (maxarenas,) = read(maxarenas_at, "I")
        for index in range(maxarenas):
            address, pool_address, nfree, ntotal = read(arenas + index * ARENA_OBJECT, "QQII")
            if not address:
                continue
            stats.arenas += 1
            stats.free_pool_bytes += nfree * pool_size
            stats.overhead_bytes += arena_size - ntotal * pool_size
            first = (address + pool_size - 1) // pool_size * pool_size
            for pool in range(first, pool_address, pool_size):
                (count,) = read(pool, "I")
                (size_class,) = read(pool + 36, "I")
                if not count:
                    continue
                size = (size_class + 1) * alignment
                capacity = (pool_size - POOL_HEADER) // size
                row = stats.size_classes.setdefault(
                    size, {"pools": 0, "live_blocks": 0, "free_blocks": 0})
                row["pools"] += 1
                row["live_blocks"] += count
                row["free_blocks"] += capacity - count
                stats.live_bytes += count * size
                stats.free_block_bytes += (capacity - count) * size
                stats.overhead_bytes += pool_size - capacity * size
    stats.arena_bytes = stats.arenas * arena_size
    return stats
