#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Checks the include graph of the program against the order of directories in docs/code.md.

    tools/include_graph.py [-q] [TOP]     -q: print errors only; TOP: the source tree to check

A directory is one below user/, or include/pyfrag ("include"), or bpf/. A part is a header with the
source file of the same name. Prints which directories each directory uses and how often, then each
include against the order, and each cycle of parts. Exits with 1 if there are any.

BPF programs may use only include/pyfrag. Tests may use everything and are not checked.
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
    """The place of each directory: it may use itself, and directories whose place is lower."""
    steps = ORDER.search(read(top + "/docs/code.md")).group(1).split("<-")
    order = {directory: place for place, step in enumerate(steps, 1)
             for directory in re.findall(r"[\w/]+", step)}
    order["include"] = 0
    order["bpf"] = 1  # like user/util: nothing below it but include
    return order


def name_part(path):
    """The name of a part in an #include: "util/array", "pyfrag/events"; "bpf/maps.bpf"."""
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


def directory_of(part):
    path = os.path.dirname(part)
    return "include" if path == "pyfrag" else "bpf" if path.startswith("bpf") else path


def against_order(parts, order):
    found, declared = {directory_of(part) for part in parts}, set(order)
    wrong = ["directory %s is not in docs/code.md" % name for name in sorted(found - declared)]
    wrong += ["directory %s is in docs/code.md only" % name for name in sorted(declared - found)]
    if wrong:
        return wrong
    return ["%s uses %s" % (part, name) for part, used in parts.items() for name in sorted(used)
            if not may_use(order, directory_of(part), directory_of(name))]


def may_use(order, directory, other):
    return other == directory or (order[other] < order[directory] and other != "bpf")


def cycles(parts):
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


def print_directories(parts, order):
    for directory in sorted(order, key=order.get):
        own = [part for part in parts if directory_of(part) == directory]
        uses = collections.Counter(directory_of(name) for part in own for name in parts[part])
        del uses[directory]
        counts = ["%s %d" % (name, uses[name]) for name in sorted(uses, key=order.get)]
        print("%-12s %3d parts, uses %s" % (directory, len(own), ", ".join(counts) or "nothing"))


def main(args):
    quiet = "-q" in args
    tops = [arg for arg in args if arg != "-q"]
    top = tops[0] if tops else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    order, parts = declared_order(top), read_parts(top)
    wrong, found = against_order(parts, order), cycles(parts)
    if not quiet and not any("docs/code.md" in line for line in wrong):
        print_directories(parts, order)
    for line in wrong:
        print("against the order of docs/code.md: " + line)
    for cycle in found:
        print("cycle: " + ", ".join(cycle))
    if not quiet:
        print("%d includes between parts, %d against the order, %d cycles"
              % (sum(map(len, parts.values())), len(wrong), len(found)))
    return 1 if wrong or found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
