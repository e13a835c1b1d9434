"""What jemalloc, tcmalloc and mimalloc say of themselves, and allocations for them to speak of.
Functions are called by tests, see target.py."""
import ctypes
import random

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

SIZES = (24, 40, 100, 640, 1000, 4000, 9000, 20000, 40000, 100000, 3000000)
kept = []


def fill(count):
    """Allocates blocks and writes to them, then frees two of three, in no order."""
    random_number = random.Random(count)
    for _ in range(count):
        size = random_number.choice(SIZES[:-1] if random_number.random() < 0.99 else SIZES)
        block = libc.malloc(size)
        libc.memset(block, 0x5a, size)
        kept.append(block)
    random_number.shuffle(kept)
    while len(kept) > count // 3:
        libc.free(kept.pop())
    return len(kept)


def fill_from(path):
    """Allocates from the mimalloc at @path, which nobody else uses."""
    library = ctypes.CDLL(path)
    library.mi_malloc.restype = ctypes.c_void_p
    library.mi_malloc.argtypes = [ctypes.c_size_t]
    for _ in range(1000):
        block = library.mi_malloc(30000)
        libc.memset(block, 0x5a, 30000)
        kept.append(block)
    return len(kept)


class Jemalloc:
    PAGE = 4096
    EVERY_ARENA = b"stats.arenas.4096."

    @staticmethod
    def read(name, kind=ctypes.c_size_t):
        value, size = kind(), ctypes.c_size_t(ctypes.sizeof(kind))
        assert libc.mallctl(name, ctypes.byref(value), ctypes.byref(size), None, 0) == 0, name
        return value.value

    def count(self):
        """Allocations of all size classes."""
        return (sum(self.read(self.EVERY_ARENA + b"bins.%d.curregs" % number)
                    for number in range(self.read(b"arenas.nbins", ctypes.c_uint)))
                + sum(self.read(self.EVERY_ARENA + b"lextents.%d.curlextents" % number)
                      for number in range(self.read(b"arenas.nlextents", ctypes.c_uint))))

    def state(self):
        epoch = ctypes.c_uint64(1)
        assert libc.mallctl(b"epoch", None, None, ctypes.byref(epoch), ctypes.c_size_t(8)) == 0
        active = self.read(b"stats.active")
        unused = self.PAGE * (self.read(self.EVERY_ARENA + b"pdirty")
                              + self.read(self.EVERY_ARENA + b"pmuzzy"))
        return {
            "in_use_bytes": self.read(b"stats.allocated"),
            "in_use_allocations": self.count(),
            "active": active,
            "unused": unused,
            "returned": self.read(b"stats.retained"),
            "metadata": self.read(b"stats.mapped") - active - unused,
        }

    def release(self):
        assert libc.mallctl(b"arena.4096.purge", None, None, None, ctypes.c_size_t(0)) == 0


class Tcmalloc:
    @staticmethod
    def read(name):
        value = ctypes.c_size_t()
        assert libc.MallocExtension_GetNumericProperty(name, ctypes.byref(value)), name
        return value.value

    def state(self):
        free = self.read(b"tcmalloc.pageheap_free_bytes")
        returned = self.read(b"tcmalloc.pageheap_unmapped_bytes")
        return {
            "in_use_bytes": (self.read(b"generic.current_allocated_bytes")
                             + self.read(b"tcmalloc.thread_cache_free_bytes")
                             + self.read(b"tcmalloc.transfer_cache_free_bytes")),
            "active": self.read(b"generic.heap_size") - free,
            "unused": free,
            "returned": returned,
            "all": ctypes.c_size_t.in_dll(libc, "TCMalloc_SystemTaken").value,
        }

    def release(self):
        libc.MallocExtension_ReleaseFreeMemory()


class MimallocArea(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "blocks", "reserved", "committed", "used", "block_size", "full_block_size")]


class Mimalloc:
    VISITOR = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.POINTER(MimallocArea),
                               ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)

    def __init__(self):
        libc.mi_heap_get_default.restype = ctypes.c_void_p
        self.used = self.bytes = 0
        self.visitor = self.VISITOR(self.visit)

    def visit(self, heap, area, block, block_size, argument):
        self.used += area.contents.used
        self.bytes += area.contents.used * area.contents.full_block_size
        return True

    def state(self):
        """Of the first thread: there is no other."""
        self.used = self.bytes = 0
        assert libc.mi_heap_visit_blocks(ctypes.c_void_p(libc.mi_heap_get_default()), False,
                                         self.visitor, None)
        return {"in_use_allocations": self.used, "in_use_bytes": self.bytes}


if hasattr(libc, "mallctl"):
    oracle = Jemalloc()
elif hasattr(libc, "mi_malloc"):
    oracle = Mimalloc()
else:
    oracle = Tcmalloc()


def state():
    """The answer does not depend on how much is allocated for it: it is asked for until it stays
    the same."""
    last, now = None, oracle.state()
    for _ in range(1000):
        if last == now:
            return now
        last, now = now, oracle.state()
    raise AssertionError("the allocator does not come to rest")


def release():
    oracle.release()
    return True
