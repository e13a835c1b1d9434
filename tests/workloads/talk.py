"""The experiment of the talk that pyfrag began with: strings of all sizes, every second one
dropped, then all of them, and the heap does not shrink. What is left among them came by the way:
caches, the last exception, a counter.
"""
import re
import sys
import weakref

STRINGS = []
SEEN = {}
WATCHED = []
LAST = []


class Watched(object):
    """Somebody keeps a weak reference to each."""


def work(number):
    """What a program does besides, now and then: it remembers something small."""
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
    """What the report says: let go of what is left in the containers."""
    SEEN.clear()
    del WATCHED[:]
    del LAST[:]
    re.purge()


def replace_parked():
    """Python 2 gives up neither dicts nor lists that it keeps: others take their places."""
    first = [{} for _ in range(80)], [[] for _ in range(80)]
    second = [{} for _ in range(80)], [[] for _ in range(80)]
    del second
    del first
