#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The include graph of the program, held against the order of rooms that docs/code.md declares.

A room is a directory of user/; a part is a header with the source file of the same name. Prints
what each room uses and how often, then each include that goes against the order, and each circle of
parts. Exits with 1 if there is one of either.
"""

import collections
import glob
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ORDER = re.compile(r"^    include <- (.*) <- main\.c$", re.M)
INCLUDE = re.compile(r'^#include "(\w+(?:/\w+)*)\.h"', re.M)


def read(path):
    with open(path, encoding="utf8") as file:
        return file.read()


def declared_order():
    """The place of each room: it may use itself, and rooms whose place is lower."""
    steps = ORDER.search(read(TOP + "/docs/code.md")).group(1).split("<-")
    return {room: place for place, step in enumerate(steps) for room in re.findall(r"[\w/]+", step)}


def read_parts():
    """For each part ("util/array"), the parts that it includes."""
    parts = {}
    for path in sorted(glob.glob(TOP + "/user/*/**/*.[ch]", recursive=True)):
        part = os.path.relpath(path, TOP + "/user").rsplit(".", 1)[0]
        used = set(INCLUDE.findall(read(path)))
        parts.setdefault(part, set()).update(used - {part})
    return {part: {name for name in used if name in parts} for part, used in parts.items()}


def room_of(part):
    return os.path.dirname(part)


def against_order(parts, order):
    wrong = ["%s: room %s is not in docs/code.md" % (part, room_of(part))
             for part in parts if room_of(part) not in order]
    if wrong:
        return wrong
    return [
        "%s uses %s" % (part, name)
        for part, used in parts.items()
        for name in sorted(used)
        if room_of(name) != room_of(part) and order[room_of(name)] >= order[room_of(part)]
    ]


def circles(parts):
    """The sets of parts that reach each other (Tarjan's algorithm)."""
    index, low, stack, found = {}, {}, [], []

    def visit(part):
        index[part] = low[part] = len(index)
        stack.append(part)
        for name in sorted(parts[part]):
            if name not in index:
                visit(name)
            if name in stack:
                low[part] = min(low[part], low[name])
        if low[part] == index[part]:
            at = stack.index(part)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for part in parts:
        if part not in index:
            visit(part)
    return found


def main():
    order, parts = declared_order(), read_parts()
    wrong, round_trips = against_order(parts, order), circles(parts)
    for room in sorted(order, key=order.get):
        own = [part for part in parts if room_of(part) == room]
        uses = collections.Counter(room_of(name) for part in own for name in parts[part])
        del uses[room]
        print("%-12s %3d parts, uses %s" %
              (room, len(own),
               ", ".join("%s %d" % (name, cnt) for name,
                         cnt in sorted(uses.items(), key=lambda row: order.get(row[0], -1)))
               or "nothing"))
    for line in wrong:
        print("against the order: " + line)
    for circle in round_trips:
        print("circle: " + ", ".join(circle))
    print("%d includes between parts, %d against the order, %d circles" %
          (sum(map(len, parts.values())), len(wrong), len(round_trips)))
    return 1 if wrong or round_trips else 0


if __name__ == "__main__":
    sys.exit(main())
