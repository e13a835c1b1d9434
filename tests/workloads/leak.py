"""The classic leak: objects that a bounded cache keeps for a while, and that a list of all of them
keeps forever."""
import collections


class Marker(object):
    __slots__ = ("number",)

    def __init__(self, number):
        self.number = number


class Kept(object):
    __slots__ = ()


cache = collections.deque(maxlen=100)
index = {}
kept = []


def handle(first, count):
    """Handles @count requests: each leaves a marker in the cache and, by mistake, one in the
    index."""
    for number in range(first, first + count):
        cache.append(Marker(number))
        index[number] = Marker(-number)


def keep(count):
    kept.extend(Kept() for _ in range(count))
