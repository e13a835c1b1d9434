"""The experiment of the talk that pyfrag began with: strings of all sizes are created, every second
one is dropped, then all of them, and the heap does not shrink. What remains among them was
allocated along the way: caches, the last exception, a counter.
"""
import re
import sys
import weakref

STRINGS = []
SEEN = {}
WATCHED = []
LAST = []


class Watched(object):
    """Each instance has a weak reference that is kept."""


def work(number):
    """What a program does besides, from time to time: it keeps something small."""
    SEEN["request %d" % number] = (number, float(number))
    thing = Watched()
    thing.number = number
    WATCHED.append((thing, weakref.ref(thing)))
    re.compile("request %d( .*)?$" % number)
    try:
        raise ValueError("no request %d" % number)
    except ValueError:
        LAST[:] = [sys.exc_info()[1]]


def grow(rounds):
    """Strings of 1 to 99 units of 16 bytes."""
    for number in range(rounds):
        for size in range(1, 100):
            STRINGS.append("x" * (16 * size - 9) + "%09d" % number)
        if number % 20 == 19:
            work(number)


def drop_every_second():
    del STRINGS[::2]


def drop_all():
    del STRINGS[:]


def forget():
    """Does what the report advises: frees what remains in the containers."""
    SEEN.clear()
    del WATCHED[:]
    del LAST[:]
    re.purge()


def replace_parked():
    """Python 2 never releases the dicts and lists on its free lists: replaces them by others."""
    first = [{} for _ in range(80)], [[] for _ in range(80)]
    second = [{} for _ in range(80)], [[] for _ in range(80)]
    del second
    del first
