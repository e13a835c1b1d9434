"""A table of arenas that is expensive to read: it is large, and two of its arenas overlap, which
also happens for a moment while a genuine table is being changed. So pyfrag retries the reading
(CPython 3.11)."""
import array
import mmap
import re
import sys

import raw

SLOT_BYTES, SLOTS = 48, 1 << 19
ARENA_BYTES, POOL_BYTES = 1 << 20, 1 << 14
ARENA_INDEX = 32  # in struct pool_header


def mappings(name):
    """Writable mappings of that name; anonymous ones have an empty name."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw.. .{8} \S+ \d+ *(.*)", line)
            if match and match.group(3) == name:
                yield int(match.group(1), 16), int(match.group(2), 16)


def static_words():
    """The program's static data: what is in its file, and the anonymous memory after it."""
    start, end = list(mappings(sys.executable))[-1]
    return range(start, dict(mappings("")).get(end, end), 8)


def leads_around(table, pool, heap):
    """Whether the slot of @table that the pool refers to is that of an arena which contains the
    pool."""
    slot = table + SLOT_BYTES * (raw.word(pool + ARENA_INDEX) & 0xffffffff)
    return heap[0] <= slot < heap[1] and 0 <= pool - raw.word(slot) < ARENA_BYTES


def find_table(kept):
    """The words that contain the address of the table of arenas."""
    heap, = mappings("[heap]")
    pools = sorted({id(one) // POOL_BYTES * POOL_BYTES for one in kept})[::50]
    return [at for at in static_words()
            if heap[0] <= raw.word(at) < heap[1]
            and all(leads_around(raw.word(at), pool, heap) for pool in pools)]


def make_table(old, cnt):
    """A large table that begins like the old one and ends where its mapping ends. The other slots
    are on the list of unused arenas."""
    memory = mmap.mmap(-1, SLOTS * SLOT_BYTES + mmap.PAGESIZE)
    table = raw.ctypes.addressof(raw.ctypes.c_char.from_buffer(memory))
    raw.check(raw.libc.mprotect(raw.ctypes.c_void_p(table + SLOTS * SLOT_BYTES), mmap.PAGESIZE, 0),
              "mprotect")
    raw.ctypes.memmove(table, old, cnt * SLOT_BYTES)
    unused = [n for n in range(cnt) if not raw.word(old + n * SLOT_BYTES)]
    for n, following in zip(unused, unused[1:] + [cnt]):
        raw.set_word(table + n * SLOT_BYTES + 32, table + following * SLOT_BYTES)
    links = array.array("Q", bytes((SLOTS - cnt) * SLOT_BYTES))
    links[4::SLOT_BYTES // 8] = array.array("Q", range(table + (cnt + 1) * SLOT_BYTES,
                                                       table + (SLOTS + 1) * SLOT_BYTES,
                                                       SLOT_BYTES))
    links[-2] = 0
    memory[cnt * SLOT_BYTES:SLOTS * SLOT_BYTES] = links.tobytes()
    return memory, table


kept = [(n,) for n in range(200000)]
words = find_table(kept)
old = raw.word(words[0])
cnt = 16
while raw.word(old + cnt * SLOT_BYTES - SLOT_BYTES) and cnt < 1024:
    cnt *= 2
memory, table = make_table(old, cnt)
# Adds an arena without carved pools that overlaps half of the first one. Its slot leaves the list
# of unused arenas.
unused, middle = table + cnt * SLOT_BYTES, raw.word(table) + ARENA_BYTES // 2
pools = ARENA_BYTES // POOL_BYTES - (middle % POOL_BYTES > 0)
raw.set_word(unused - SLOT_BYTES + 32, raw.word(unused + 32))
for at, value in ((0, middle), (8, -(-middle // POOL_BYTES) * POOL_BYTES),
                  (16, pools | pools << 32), (24, 0), (32, 0)):
    raw.set_word(unused + at, value)
for at in words:
    raw.set_word(at, table)
raw.rest()
