"""The target's own account of what is in its heap."""
import bisect
import gc
import json
import threading


class Plain(object):
    def __init__(self, number):
        self.number = number


class Slotted(object):
    __slots__ = ("left", "right")


class Tuple(tuple):
    """Its instances have their dict behind their items."""


class Outer(object):
    class Inner(object):
        pass


def plant(count):
    """Creates @count objects of each kind, and the objects that belong to them."""
    planted = {
        "plain": [Plain(number) for number in range(count)],
        "slotted": [Slotted() for _ in range(count)],
        "tuples": [Tuple((number,)) for number in range(count)],
        "inner": [Outer.Inner() for _ in range(count)],
        "floats": [number + 0.5 for number in range(count)],
        "sets": [set(range(20)) for _ in range(count)],
        "lists": [[number] * 10 for number in range(count)],
        "texts": [u"\u20ac%d" % number for number in range(count)],
    }
    for thing in planted["tuples"] + planted["inner"]:
        thing.attribute = None
        thing.__dict__  # from 3.11 on it is created on first access
    return planted


def plant_in_thread(count):
    """The same in a thread, for which malloc makes an arena of its own."""
    planted = []
    thread = threading.Thread(target=lambda: planted.append(plant(count)))
    thread.start()
    thread.join()
    return planted


class Lasting(object):
    """Most of its 20 attributes are not set: their slots still contain what was in that memory
    before."""


def plant_lasting(count):
    """Creates @count instances, each after strings have been freed, one of them as large as the
    values array of an instance."""
    first = Lasting()
    for number in range(20):
        setattr(first, "attribute%d" % number, None)
    kept = [first]
    for _ in range(count - 1):
        texts = ["%0*d" % (size, 1) for size in range(100, 250, 8)]
        del texts
        kept.append(Lasting())
        kept[-1].attribute0 = None
    return kept


def churn(count):
    while True:
        plain = [Plain({"number": number}) for number in range(count)]
        del plain


def start_churn(count):
    """Starts a thread that creates and frees @count instances, each with a dict, all the time."""
    thread = threading.Thread(target=churn, args=(count,))
    thread.daemon = True
    thread.start()


named = []


def plant_named(names, count):
    """Creates @count instances of a class of each of the names, which are given as JSON."""
    for name in json.loads(names):
        # In 2.7 a name consists of bytes.
        kind = type(name if str is not bytes else name.encode("utf-8"), (object,), {})
        named.append(kind)
        kind.kept = [kind() for _ in range(count)]
        for thing in kind.kept:
            thing.attribute = []  # from 3.11 on, an instance without attributes may lack values


def count_named():
    """How many instances of each of these classes the collector knows, as JSON."""
    kinds = [type(thing) for thing in gc.get_objects()]
    return "[%s]" % ", ".join(str(sum(kind is one for one in kinds)) for kind in named)


def name_of(kind):
    name = getattr(kind, "__qualname__", kind.__name__)
    if kind.__module__ in ("builtins", "__builtin__"):
        return name
    return "%s.%s" % (kind.__module__, name)


def count_tracked(arenas, size):
    """Counts by type the objects that the collector tracks, that are in @arenas, and that are @size
    bytes long; all of them if @arenas is None."""
    counts = {}
    for thing in gc.get_objects():
        at = bisect.bisect_right(arenas, id(thing)) - 1 if arenas else -1
        if arenas is None or (at >= 0 and id(thing) < arenas[at] + size):
            name = name_of(type(thing))
            counts[name] = counts.get(name, 0) + 1
    return counts


def interpreter():
    """The address of the PyInterpreterState."""
    import ctypes
    find = ctypes.pythonapi.PyInterpreterState_Get
    find.restype = ctypes.c_void_p
    return find()
