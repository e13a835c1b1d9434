"""Objects for which the target itself can compute what refers to them, and what their release would
free."""
import gc
import sys

HOLDER = {}
OUTSIDE = {}


class Thing(object):
    def __init__(self, number):
        self.number = number
        self.name = "thing %d" % number


def plant():
    """Creates a list that alone keeps many objects alive, and one object that is also kept by
    another."""
    things = [Thing(number + 1000000) for number in range(20000)]
    HOLDER["things"] = things
    HOLDER["shared"] = things[17]
    HOLDER["small"] = ["left", ("in", 7000001), {"a": 1.5}]
    return id(things), id(HOLDER["small"])


class Slotted(object):
    __slots__ = ("me",)


def plant_selves():
    """Creates objects that refer to themselves: the key in HOLDER, the way it
    refers to itself, and the address of each."""
    HOLDER["instance"], HOLDER["slotted"] = Thing(1), Slotted()
    HOLDER["instance"].me = HOLDER["instance"]
    HOLDER["slotted"].me = HOLDER["slotted"]
    HOLDER["list"] = ["other", HOLDER["small"]]
    HOLDER["list"].append(HOLDER["list"])
    HOLDER["dict"] = {"other": HOLDER["small"]}
    HOLDER["dict"]["me"] = HOLDER["dict"]
    vias = {"instance": ".me", "slotted": ".me", "list": "[2]", "dict": "['me']"}
    return [(key, vias[key], id(HOLDER[key])) for key in sorted(vias)]


def referrers(key):
    gc.collect()
    return sorted(id(thing) for thing in gc.get_referrers(HOLDER[key]))


def referents(key):
    return sorted(id(thing) for thing in gc.get_referents(HOLDER[key]))


def holder():
    return id(HOLDER)


def drop():
    del HOLDER["things"]
    gc.collect()


def plant_outside():
    """Creates objects too large for pymalloc; returns for each kind the minimum of its bytes."""
    OUTSIDE["list"] = [None] * 1000000
    OUTSIDE["bytearray"] = bytearray(b"x") * 50000000
    OUTSIDE["text"] = u"y" * 3000000
    OUTSIDE["dict"] = dict.fromkeys(range(100000))
    OUTSIDE["set"] = set(range(100000))
    # From 3.15 on the bytes of a bytearray are in a separate object.
    array = "bytes" if sys.version_info >= (3, 15) else "bytearray"
    return {"list": 8 * 1000000, array: 50000000,
            type(OUTSIDE["text"]).__name__: OUTSIDE["text"].__sizeof__() - 100,
            "dict": OUTSIDE["dict"].__sizeof__() - 500, "set": OUTSIDE["set"].__sizeof__() - 500}


def outside_holder():
    return id(OUTSIDE)


class Sharing(object):
    """Instances share their keys, in a table too large for pymalloc."""

    def __init__(self):
        for number in range(25):
            setattr(self, "name%d" % number, None)


def plant_sharing():
    HOLDER["sharing"] = [Sharing() for _ in range(4)]
    return id(HOLDER["sharing"][1]), id(HOLDER["sharing"][2])


def keep_numbers():
    """Many numbers, each of which could be the size of a malloc() chunk."""
    OUTSIDE["numbers"] = list(range(32, 3200000, 16))
    OUTSIDE["floats"] = [float(number) for number in OUTSIDE["numbers"]]


def usable_sizes(addresses):
    """What malloc says of its blocks there."""
    import ctypes
    usable_size = ctypes.CDLL(None).malloc_usable_size
    usable_size.argtypes, usable_size.restype = [ctypes.c_void_p], ctypes.c_size_t
    return [usable_size(address) for address in addresses]


def drop_outside():
    OUTSIDE.clear()


def reserve(size):
    """Reserves private anonymous memory with libc's mmap(), because Python's mmap is shared."""
    import ctypes
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                          ctypes.c_int,
                          ctypes.c_long]
    # MAP_NORESERVE: the size may exceed that of RAM
    return libc.mmap(None, size, 3, 0x4022, -1, 0)


def map_private(size):
    import ctypes
    address = reserve(size)
    ctypes.memset(address, 1, size)
    return address


def start_threads(count):
    """Threads that wait forever, each with some of its stack in use."""
    import threading
    gate = threading.Event()

    def wait(depth):
        if depth:
            wait(depth - 1)
        else:
            gate.wait()

    for _ in range(count):
        thread = threading.Thread(target=wait, args=(50,))
        thread.daemon = True
        thread.start()
