"""Objects that are kept alive in many ways, and what the paths to them lead to."""
from __future__ import print_function

import collections
import gc
import re
import sys
import threading

LIST = []
DICT = {}
NESTED = {"user:17": {"tags": ["first", ["x%d" % 1]]}, 5: {"it's": {}}, b"raw\xfe": {}, (1, 2): {}}
SET = set()
DEQUE = collections.deque()
DEFAULTS = collections.defaultdict(list)


class Node(object):
    shared = {}

    def __init__(self, value):
        self.value = value
        self.children = []


class Slotted(object):
    __slots__ = ("left", "right")


class Tuple(tuple):
    pass


class List(list):
    pass


NODE = Node(None)
SLOTTED = Slotted()
TUPLE = Tuple([[]])
SUBCLASS = List()
ALL = ["NESTED", "DICT", "LIST", "SET", "DEQUE", "DEFAULTS", "NODE", "SLOTTED", "TUPLE", "SUBCLASS"]


def marker(number):
    """An object in an arena that nothing else refers to: (name, number)."""
    return ("paths oracle", number * 1000003)


def closure():
    held = [marker(20)]
    return lambda: held


CLOSURE = closure()


def generate():
    in_generator = [marker(21)]
    yield in_generator
    yield None


GENERATOR = generate()
next(GENERATOR)


def default(argument=[marker(22)]):
    return argument


def run(started, end):
    in_thread = [marker(30)]
    in_cell = [marker(31)]
    started.set()
    end.wait()
    return in_thread, lambda: in_cell


THREAD_END = threading.Event()


def plant():
    """The number of markers to look for."""
    LIST.extend([None, [marker(0)]])
    DICT.update({"one": marker(1), 7: marker(2)})
    NESTED["user:17"]["tags"][1].append(marker(3))
    NESTED[5]["it's"]["\n"] = marker(4)
    NESTED[b"raw\xfe"]["k"] = marker(5)
    NESTED[(1, 2)]["k"] = marker(6)
    SET.add(marker(7))
    DEQUE.extend([None] * 100 + [[marker(8)]])
    DEFAULTS["list"].append(marker(9))
    NODE.value = marker(10)
    NODE.children.append(Node(marker(11)))
    NODE.children[0].__dict__["odd name"] = marker(12)
    Node.shared["key"] = marker(13)
    SLOTTED.left = marker(14)
    SLOTTED.right = [marker(15)]
    TUPLE[0].append(marker(16))
    TUPLE.attribute = marker(17)
    SUBCLASS.append(marker(18))
    SUBCLASS.attribute = marker(19)
    LIST.extend(range(5000))
    LIST.append([marker(23)])
    DICT.update((number, None) for number in range(10000, 15000))
    DICT[20000] = marker(24)
    started = threading.Event()
    thread = threading.Thread(target=run, args=(started, THREAD_END))
    thread.daemon = True
    thread.start()
    started.wait()
    return True


def find_local(name):
    """"function() in thread 1: variable" """
    function, variable = re.match(r"(?:.*\.)?(\w+)\(\) in thread \d+: (\w+)$", name).groups()
    for frame in sys._current_frames().values():
        while frame:
            if frame.f_code.co_name == function and variable in frame.f_locals:
                return frame.f_locals[variable]
            frame = frame.f_back
    raise KeyError(name)


def plant_garbage():
    """Lists and dicts that only refer to themselves, made of objects from Python's free lists."""
    gc.disable()
    gc.collect()
    for kind in (list, dict):
        [kind() for _ in range(100)]
    planted = []
    for _ in range(25):
        items, keys = [], {}
        items.append(items)
        keys["me"] = keys
        planted += [id(items), id(keys)]
    del items, keys
    return planted


def is_garbage(address):
    """Whether the collector knows of no reference to it except its own."""
    thing, = [thing for thing in gc.get_objects() if id(thing) == address]
    fresh = []
    return [id(other) for other in gc.get_referrers(thing) if isinstance(other, (list, dict))
            and len(other) == 1] == [address] and sys.getrefcount(thing) == (
                sys.getrefcount(fresh) + 1)


def follow(path, kind, name):
    """The object that the path leads to: (id, repr)."""
    root = sys.modules[name] if kind == "module" else find_local(name)
    thing = eval(path.replace(name, "__root__", 1), {"__root__": root})
    # The repr() of other types may change the objects.
    return id(thing), repr(thing)[:200] if type(thing).__module__ == type(0).__module__ else None


def follow_all(questions):
    return [follow(*question) for question in questions]
