"""A Python whose executable is a modified copy. It runs like the original and has the same build id
and code, but its section headers and the address of its table of functions place the code a byte
too far. Probe sites found in it are off by one and must not be used for any other file.

    evil_elf.py DIRECTORY
"""
import os
import struct
import sys

import raw

SECTION, SEGMENT = struct.Struct("<IIQQQQ"), struct.Struct("<IIQQ")
PROGBITS, EXECINSTR, GNU_EH_FRAME = 1, 4, 0x6474e550


def shift_code(elf, delta):
    segments, sections = struct.unpack_from("<QQ", elf, 32)
    segment_bytes, segment_cnt, section_bytes, section_cnt = struct.unpack_from("<HHHH", elf, 54)
    for at in range(sections, sections + section_bytes * section_cnt, section_bytes):
        name, kind, flags, address, offset, size = SECTION.unpack_from(elf, at)
        if kind == PROGBITS and flags & EXECINSTR:
            SECTION.pack_into(elf, at, name, kind, flags, address + delta, offset, size)
    for at in range(segments, segments + segment_bytes * segment_cnt, segment_bytes):
        kind, flags, offset, address = SEGMENT.unpack_from(elf, at)
        if kind == GNU_EH_FRAME:
            SEGMENT.pack_into(elf, at, kind, flags, offset, address + delta)


if len(sys.argv) > 1:
    with open("/proc/self/exe", "rb") as file:
        elf = bytearray(file.read())
    shift_code(elf, 1)
    path = sys.argv[1] + "/python3.11"
    with open(path, "wb") as file:
        file.write(elf)
    os.chmod(path, 0o755)
    os.execve(path, [path, __file__], {"PYTHONHOME": sys.base_prefix})
kept = [(n, n) for n in range(50000)]
raw.say_ready()
while True:
    kept = [(n, n) for n in range(50000)]
