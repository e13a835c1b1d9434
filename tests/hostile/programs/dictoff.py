"""A class that says its instances' dict is almost 2^63 bytes behind their beginning: adding that to an address wraps."""
import raw

TP_FLAGS, TP_DICTOFFSET = 168, 288  # of PyTypeObject, 3.x
HAVE_GC = 1 << 14
GC_HEAD = 16


class Small:
    __slots__ = ()


kept = [Small() for _ in range(60000)]
gone = [object() for _ in range(60000)]
before = GC_HEAD if raw.word(id(Small) + TP_FLAGS) & HAVE_GC else 0
raw.set_word(id(Small) + TP_DICTOFFSET, (1 << 63) - 1 - 3 - before)
raw.rest()
