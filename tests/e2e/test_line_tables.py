"""The line of every instruction in the standard library equals what each Python itself computes."""
import struct
import subprocess

import pytest

from conftest import TOP, built_program

RECORDER = TOP + "/tests/unit/recordings/record_lines.py"
HEADER = struct.Struct("=iiII")  # kind, first line, size of the table, size of the code


def first_difference(records, expected, found):
    """Describes the first code object about which they disagree."""
    at, done = 0, 0
    while at < len(records):
        kind, first_line, table_size, code_size = HEADER.unpack_from(records, at)
        table = records[at + HEADER.size:at + HEADER.size + table_size]
        end = done + 4 * code_size
        if expected[done:end] != found[done:end]:
            lines = [struct.unpack("=%di" % code_size, part[done:end])
                     for part in (expected, found)]
            offset = [one == other for one, other in zip(*lines)].index(False)
            return "kind %d, first line %d, table %s, offset %d: line %d, not %d" % (
                kind, first_line, table.hex(), offset, lines[0][offset], lines[1][offset])
        at, done = at + HEADER.size + table_size, end
    return "sizes: %d, not %d bytes" % (len(expected), len(found))


@pytest.mark.slow
def test_every_line_of_the_library(python):
    program = built_program("print_lines")
    with open(RECORDER) as script:
        stream = subprocess.run(python.command + ["-", "-"], stdin=script, stdout=subprocess.PIPE,
                                check=True, timeout=120).stdout
    cnt, size = struct.unpack_from("=QQ", stream)
    records, expected = stream[16:16 + size], stream[16 + size:]
    assert cnt > 2000 and len(expected) > 4 * 500000, (cnt, len(expected))
    found = subprocess.run([program], input=records, stdout=subprocess.PIPE, check=True,
                           timeout=120).stdout
    assert found == expected, first_difference(records, expected, found)
