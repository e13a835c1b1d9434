"""A heap that has grown and whose content is freed, except for a little in a cache or on Python's
own free lists."""
import gc
import sys
import types

CACHE = {}
COUNT = 300000


def grow_with_cache():
    """From time to time an object goes into a cache; all others are freed."""
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
    """Of many functions of equal size, a few scattered ones stay."""
    functions = []
    for number in range(COUNT // 3):
        function = lambda: None  # noqa: E731
        if number % 1000 == 0:
            keep(number, function)
        functions.append(function)


def make_functions():
    grow_with_functions(lambda number, function: MADE.append(function))


def import_late():
    """Imports a module whose functions are allocated among objects that are freed."""
    module = sys.modules["late"] = types.ModuleType("late")
    grow_with_functions(lambda number, function: setattr(module, "f%d" % number, function))


def grow_with_parked():
    """Tuples of three items, far apart, are freed first: Python keeps them on a free list."""
    things, first = [], []
    for number in range(COUNT):
        (first if number % 3000 == 0 else things).append((number, None, None))
    del first[:]
    del things


GROWING = []


def grow_and_keep(count):
    """Grows by @count strings, all of which are kept."""
    GROWING.extend("kept %d" % number for number in range(len(GROWING), len(GROWING) + count))


class Lost(object):
    __slots__ = ("itself", "name")


def grow_with_cycles(count):
    """Creates @count objects in cycles among objects that are freed; those freed first go to free
    lists."""
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
