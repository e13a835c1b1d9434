#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Prints each line of C, Python, shell scripts and Makefiles that is longer than 100 columns, a tab
being 8 of them. Exits with 1 if there is one.

    tools/columns.py [TOP]     TOP: of another tree
"""

import os
import sys

COLUMNS = 100
SUFFIXES = (".c", ".h", ".py", ".sh")


def is_source(path):
    """By its name, or as a shell script by its first line."""
    name = os.path.basename(path)
    if name == "Makefile" or name.endswith(SUFFIXES):
        return True
    if "." in name or os.path.islink(path):
        return False
    with open(path, "rb") as file:
        return file.read(9) == b"#!/bin/sh"


def sources(top):
    """All that people write: what is generated is in build/."""
    for directory, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name != "build" and not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(directory, name)
            if is_source(path):
                yield path


def main(args):
    top = args[0] if args else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = False
    for path in sources(top):
        with open(path, encoding="utf8") as file:
            for number, line in enumerate(file, 1):
                width = len(line.rstrip("\n").expandtabs(8))
                if width > COLUMNS:
                    found = True
                    print("%s:%d: %d columns" % (os.path.relpath(path, top), number, width))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
