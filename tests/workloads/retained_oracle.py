"""Holders of memory, each of which can be deleted, so that the target itself shows what they
retain. Functions are called by tests, see target.py."""
import gc
import sys


class Order(object):
    def __init__(self, number):
        self.number = number
        self.name = "order %d" % number
        self.tags = [number + 0.5]


class Node(object):
    __slots__ = ("next", "payload")


class Holders(object):
    """Each attribute holds memory, and is deleted by drop()."""


holders = Holders()


def plant():
    """Creates all holders."""
    holders.orders = dict((10 ** 9 + number, Order(number + 10 ** 6)) for number in range(10000))
    holders.records = [{"id": 10 ** 9 + number, "place": {"street": "street %d" % number}}
                       for number in range(10000)]
    holders.chain = None
    for number in range(10000):
        node = Node()
        node.next, node.payload = holders.chain, "payload %d" % number
        holders.chain = node
    shared = ["shared %d" % number for number in range(60000)]
    holders.first, holders.second = tuple(shared), set(shared)
    holders.large = dict(("text %d" % number, "x" * (100000 + number)) for number in range(30))
    holders.interned = [getattr(sys, "intern", str)("interned %d" % number)
                        for number in range(20000)]
    # Only a cycle refers to the rest.
    holders.cycle = [{"rows": [(number + 10 ** 9,) for number in range(10000)]}]
    holders.cycle.append(holders.cycle)
    return sorted(vars(holders))


def drop(*names):
    for name in names:
        delattr(holders, name)
    gc.collect()
    return len(names)


def in_use():
    """Bytes that malloc has in use; 0 if glibc is too old to tell."""
    import malloc_oracle
    if not hasattr(malloc_oracle.libc, "mallinfo2"):
        return 0
    info = malloc_oracle.libc.mallinfo2()
    return info.uordblks + info.hblkhd
