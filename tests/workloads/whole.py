"""A heap that grew, and whose content is gone, but for a little: in a cache, or parked by Python
itself."""
import gc
import sys
import types

CACHE = {}
COUNT = 300000


def grow_with_cache():
    """Every so often one thing goes into a cache; all others go."""
    things = []
    for number in range(COUNT):
        text = "survivor %d" % number
        if number % 3000 == 0:
            CACHE[number] = text
        things.append(text)


def copy_cache(copied):
    global CACHE
    CACHE = copied(CACHE)


MADE = []


def grow_with_functions(keep):
    """Of many functions, which are as large as each other, one here and there stays."""
    functions = []
    for number in range(COUNT // 3):
        function = lambda: None  # noqa: E731
        if number % 1000 == 0:
            keep(number, function)
        functions.append(function)


def make_functions():
    grow_with_functions(lambda number, function: MADE.append(function))


def import_late():
    """A module whose functions are made among what goes."""
    module = sys.modules["late"] = types.ModuleType("late")
    grow_with_functions(lambda number, function: setattr(module, "f%d" % number, function))


def grow_with_parked():
    """Tuples of three, far apart, are the first to go: Python keeps them for the next ones."""
    things, first = [], []
    for number in range(COUNT):
        (first if number % 3000 == 0 else things).append((number, None, None))
    del first[:]
    del things


GROWING = []


def grow_and_keep(count):
    """By so many texts, all of which are kept."""
    GROWING.extend("kept %d" % number for number in range(len(GROWING), len(GROWING) + count))


class Lost(object):
    __slots__ = ("itself", "name")


def grow_with_cycles(count):
    """So many objects in cycles, among things that go; some that go first are on free lists
    then."""
    gc.disable()
    things, first = [], []
    for number in range(COUNT):
        thing = Lost()
        if number % (COUNT // count) == 0:
            thing.itself = thing
        else:
            things.append(thing)
        if number % (COUNT // 100) == 0:
            first.append([])
    del first[:]
    del things, thing
