#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Records machine code for test_shapes.c. Run by hand when a build has a new pattern:

    record_code.py FILE TITLE START-END [START-END ...] > code/NAME.txt

Each line is an instruction: address, bytes and text, separated by tabs. Add by hand the sites that
a scan has to find, one line for each, in the order of addresses:

    > ADDRESS TYPE OPERAND emulated|stepped [weak] [CLASS CLASS]

OPERAND and the two compared size classes (of a new pool) are registers ("rax"), optionally with an
offset ("rax+8"), in brackets if the value is in memory at that address. Weak sites are used only if
there are no other sites of their type. Without such lines the scan must find nothing.
"""
import re
import subprocess
import sys


def instructions(path, start, end):
    out = subprocess.run(["objdump", "-d", "--start-address=" + start, "--stop-address=" + end,
                          path],
                         check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    lines = []
    for line in out.splitlines():
        fields = line.split("\t")
        if not re.fullmatch(r"\s*[0-9a-f]+:", fields[0]):
            continue
        address, code = fields[0].strip(" :"), fields[1].strip()
        if len(fields) < 3:  # continuation of a long instruction
            lines[-1][1] += " " + code
        else:
            text = re.split("[<#]", fields[2])[0]
            lines.append([address, code, re.sub(r"\s+", " ", text.strip())])
    return lines


def main():
    path, title = sys.argv[1:3]
    print("# " + title)
    for part in sys.argv[3:]:
        for line in instructions(path, *("0x" + address for address in part.split("-"))):
            print("\t".join(line))


main()
