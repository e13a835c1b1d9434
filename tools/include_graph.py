#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
The include graph of the program, checked against the order of rooms that docs/code.md declares.

    tools/include_graph.py [-q] [TOP]     -q: only what is wrong; TOP: of another tree

A room is a directory of user/, or include/pyfrag ("include"), or bpf/; a part is a header with the
source file of the same name. Prints what each room uses and how often, then each include that goes
against the order, and each circle of parts. Exits with 1 if there is one of either.

BPF programs may use only include/pyfrag. Tests may use everything, and are not looked at.
"""

import collections
import glob
import os
import re
import sys

ORDER = re.compile(r"^    include <- (.*) <- main\.c$", re.M)
INCLUDE = re.compile(r'^#include "([\w./-]+)\.h"', re.M)


def read(path):
    with open(path, encoding="utf8") as file:
        return file.read()


def declared_order(top):
    """The place of each room: it may use itself, and rooms whose place is lower."""
    steps = ORDER.search(read(top + "/docs/code.md")).group(1).split("<-")
    order = {room: place for place, step in enumerate(steps, 1)
             for room in re.findall(r"[\w/]+", step)}
    order["include"] = 0
    order["bpf"] = 1  # like user/util: nothing below it but include
    return order


def name_part(path):
    """How a part is called in an #include: "util/array", "pyfrag/events"; "bpf/maps.bpf"."""
    return re.sub(r"^(user|include)/|\.[ch]$", "", path)


def read_parts(top):
    """For each part, the parts that it includes."""
    parts = {}
    for path in sorted(glob.glob("user/*/**/*.[ch]", root_dir=top, recursive=True)
                       + glob.glob("include/**/*.h", root_dir=top, recursive=True)
                       + glob.glob("bpf/**/*.[ch]", root_dir=top, recursive=True)):
        used = set(INCLUDE.findall(read(os.path.join(top, path))))
        if path.startswith("bpf/"):
            used |= {"bpf/" + name for name in used}
        parts.setdefault(name_part(path), set()).update(used - {name_part(path)})
    return {part: {name for name in used if name in parts} for part, used in parts.items()}


def room_of(part):
    room = os.path.dirname(part)
    return "include" if room == "pyfrag" else "bpf" if room.startswith("bpf") else room


def against_order(parts, order):
    rooms = {room_of(part) for part in parts}
    wrong = ["room %s is not in docs/code.md" % room for room in sorted(rooms - set(order))]
    wrong += ["room %s is in docs/code.md only" % room for room in sorted(set(order) - rooms)]
    if wrong:
        return wrong
    return ["%s uses %s" % (part, name) for part, used in parts.items() for name in sorted(used)
            if room_of(name) != room_of(part) and not may_use(order, room_of(part), room_of(name))]


def may_use(order, room, other):
    return order[other] < order[room] and other != "bpf"


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


def print_rooms(parts, order):
    for room in sorted(order, key=order.get):
        own = [part for part in parts if room_of(part) == room]
        uses = collections.Counter(room_of(name) for part in own for name in parts[part])
        del uses[room]
        told = ["%s %d" % (name, uses[name]) for name in sorted(uses, key=order.get)]
        print("%-12s %3d parts, uses %s" % (room, len(own), ", ".join(told) or "nothing"))


def main(args):
    quiet = "-q" in args
    tops = [arg for arg in args if arg != "-q"]
    top = tops[0] if tops else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    order, parts = declared_order(top), read_parts(top)
    wrong, round_trips = against_order(parts, order), circles(parts)
    if not quiet and not any("docs/code.md" in line for line in wrong):
        print_rooms(parts, order)
    for line in wrong:
        print("against the order of docs/code.md: " + line)
    for circle in round_trips:
        print("circle: " + ", ".join(circle))
    if not quiet:
        print("%d includes between parts, %d against the order, %d circles"
              % (sum(map(len, parts.values())), len(wrong), len(round_trips)))
    return 1 if wrong or round_trips else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
