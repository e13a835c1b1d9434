# SPDX-License-Identifier: BSD-2-Clause
"""Records line tables for test_line_table.c, with the line that their own Python computes for each
instruction:

    PYTHON record_lines.py NAME | gzip -9n > lines/NAME.gz

Runs in the Python that is recorded, 2.7 or later, also from stdin (`PYTHON - NAME <
record_lines.py`). Writes a line "kind N" (enum py_line_kind), and for each code object four lines:

    code FIRST_LINE SIZE NAME
    table HEX
    lines OFFSET:LINE ...
    (an empty one)

SIZE and OFFSET are in bytes. From OFFSET to the next one, all code is on that LINE ("-": on none).
With the name "-" it writes the format that tests/e2e/test_line_tables.py reads, for the standard
library.
"""
from __future__ import print_function
import array
import binascii
import dis
import glob
import marshal
import os
import struct
import sys

VERSION = sys.version_info[:2]
KIND = 1 if VERSION < (3, 0) else 2 if VERSION < (3, 10) else 3 if VERSION < (3, 11) else 4
RECORD = struct.Struct("=iiII")  # kind, first line, size of the table, size of the code
NO_LINE = -1
CODE_BYTES_ENOUGH = 4 << 20

SAMPLES = {
    "flow": """
def loops(limit):
    total = 0
    for i in range(limit):
        if i % 2:
            continue
        elif i > 50:
            break
        while total < i:
            total += 1
            if total == 7:
                return total
        else:
            total -= 1
    else:
        total = -1
    return total

def tries(path):
    try:
        file = open(path)
        try:
            return file.read()
        finally:
            file.close()
    except (IOError,
            OSError) as error:
        raise ValueError(
            path,
            error)
    except Exception:
        pass
    else:
        path = None
    finally:
        del path

def withs(one, two):
    with one as a, two as b:
        with a:
            return (a +

                    b)

def asserts(a):
    assert a, (
        "no "
        "a")
    if (a and
            a.b or
            a.c):
        return a if a.d else \\
            None
""",
    "values": """
def comprehensions(rows):
    a = [row for row in rows
         if row
         if row[0]]
    b = {key: [
            value for value in values
        ] for key, values in rows}
    c = {item
         for row in rows
         for item in row}
    return sum(
        x * x
        for x in c), a, b

def generates(n):
    while n:
        n -= 1
        got = yield n
        if got: yield (
            got,
            n)

def calls(f, *args, **kwargs):
    f(
        args[0],
        f(args[1],
          key=f(
              args[2])),
        *args,
        **kwargs
    ).attribute[
        0
    ].method(lambda x: x,
             lambda y:
                 y + 1)
    return [
        1, 2,
        f(3)]; f(4)

def nested(a):
    b = a
    def inner(c):
        def innermost():
            return (a, b,
                    c)
        return innermost
    return inner
""",
    "classes": """
import functools

def decorator(*args):
    return lambda f: f

class Base(object):
    "docs"
    x = 1
    y = [x,
         x + 1]

    @decorator(
        1,
        2)
    @decorator()
    def method(self, a=x,
               b=y):
        '''docs'''
        return self

    @property
    def value(self): return self.x

    class Inner(
            object):
        z = lambda self: (
            self)

@decorator(3)
class Derived(Base):
    pass

if __name__ == "__main__":
    Derived()
""",
    "two": """
def prints(a):
    print a, \\
        a
    exec "a = 1" in {}
    raise ValueError, \\
        a
""",
    "three": """
def annotated(a: int, *, b: str = "x"
              ) -> None:
    yield from a
    c: int = 1
    raise ValueError(f"{a} {b!r}"
                     f"{c + 1}") from None

class Meta(type):
    def __new__(cls, name, *args):
        return super().__new__(
            cls, name, *args)
""",
    "async": """
async def waits(things):
    async with things as a, \\
            a as b:
        async for x in b:
            await x
            try:
                await (
                    x.y)
            finally:
                del x
    return [y async for y in a if
            await y]

async def generates(n):
    while True:
        yield n
        await n
""",
    "walrus": """
def walrus(a, /):
    while (b := a(
            )) is not None:
        yield b
""",
    "match": """
def matches(a):
    match a:
        case {"x": 1,
              "y": [p, q, *_]}:
            return p, \\
                q
        case str() | int() if a:
            return 1
        case _:
            pass
""",
    "groups": """
def groups(a):
    try:
        a()
    except* (OSError,
             ValueError) as error:
        a(error)
    except* TypeError:
        return_ = 1
    finally:
        a(
            a)
""",
    "types": """
type Alias[T: int] = list[
    T]
class Box[T]:
    def get[U](self,
               u: U) -> T:
        return self
def f(x): return f"{x + f"{
    x
}"}"
""",
}


def far_apart(gaps):
    """Statements this many lines apart."""
    lines = ["def far(a):", "    a = 0"]
    for gap in gaps:
        lines += [""] * (gap - 1) + ["    a = a + 1"]
    return "\n".join(lines + ["    return a", ""])


def backwards(gap):
    """A loop whose head is far above the end of its body, and a call that begins far below."""
    blank = "\n" * gap
    return ("def back(a):\n    for i in a:\n        a(i)%s\n        a(i,%sa(\n        2))\n"
            "    return (a%s    (\n1))\n" % (blank, blank, blank))


def wide(cnt):
    """More code on one line than one entry can cover."""
    return "def wide(a):\n    return [%s]\n\ndef after(): return 1\n" % ", ".join(
        ["a(%d, a)" % i for i in range(cnt)])


def sources():
    for name in sorted(SAMPLES):
        yield name, SAMPLES[name]
    gaps = [1, 2, 3, 62, 63, 64, 65, 126, 127, 128, 129, 254, 255, 256, 257, 382, 511, 513, 1023,
            3000]
    yield "far", far_apart(gaps + gaps[::-1])
    for gap in (5, 126, 127, 128, 129, 255, 300, 2100):
        yield "back%d" % gap, backwards(gap)
    for cnt in (5, 20, 130):
        yield "wide%d" % cnt, wide(cnt)
    yield "low", "\n" * 70000 + far_apart([1, 300])
    yield "long", "def long(a):\n" + "".join(
        "    a = a.b%d(%d\n%s     )\n" % (i, i, "" if i % 5 else "\n") for i in range(150))
    yield "empty", ""
    yield "one", "1\n"


def codes_in(code):
    """The code object and all code objects among its constants."""
    found = [code]
    for one in found:
        found += [const for const in one.co_consts if isinstance(const, type(code))]
    return found


def ranges_of(code):
    """(offset, line) pairs from this Python's own decoder."""
    if hasattr(code, "co_lines"):
        for start, end, line in code.co_lines():
            if end > start:
                yield start, NO_LINE if line is None else line
        return
    yield 0, code.co_firstlineno
    for pair in dis.findlinestarts(code):
        yield pair


def table_of(code):
    return code.co_lnotab if KIND < 3 else code.co_linetable


def write_text(name):
    print("# " + name + ", " + sys.version.replace("\n", " "))
    print("kind %d" % KIND)
    for source_name, source in sources():
        try:
            module = compile(source, source_name, "exec")
        except SyntaxError:
            continue
        for code in codes_in(module):
            runs, last = [], None
            for start, line in ranges_of(code):
                if line != last:
                    runs.append("%d:%s" % (start, "-" if line == NO_LINE else line))
                last = line
            print("code %d %d %s.%s" % (
                code.co_firstlineno, len(code.co_code), source_name, code.co_name))
            print("table " + binascii.hexlify(table_of(code)).decode())
            print("lines " + " ".join(runs))
            print()


def library_code():
    """The code of the standard library's modules: the compiled files, or compiled now."""
    top = os.path.dirname(os.__file__)
    for path in sorted(glob.glob(top + "/*.py") + glob.glob(top + "/*/*.py")):
        if "-packages" in path:
            continue
        try:
            if VERSION < (3, 0):
                cached, head = path + "c", 8
            else:
                import importlib.util
                cached, head = importlib.util.cache_from_source(path), 16 if VERSION > (
                    3, 6) else 12
            with open(cached, "rb") as file:
                yield marshal.loads(file.read()[head:])
        except (IOError, ValueError, EOFError, TypeError):
            try:
                with open(path, "rb") as file:
                    yield compile(file.read(), path, "exec")
            except (SyntaxError, ValueError):
                pass  # intentionally invalid files, for tests of the parser


def lines_of(code):
    """The line of each byte."""
    lines = array.array("i")
    last = NO_LINE
    for start, line in ranges_of(code):
        lines.extend(array.array("i", [last]) * (start - len(lines)))
        last = line
    lines.extend(array.array("i", [last]) * (len(code.co_code) - len(lines)))
    return lines


def write_library(out):
    """Writes the number of bytes of all records, the records, and the lines of each."""
    records, lines, size = [], [], 0
    for module in library_code():
        for code in codes_in(module):
            table = table_of(code)
            records.append(RECORD.pack(
                KIND, code.co_firstlineno, len(table), len(code.co_code)) + table)
            lines.append(lines_of(code))
            size += len(code.co_code)
        if size > CODE_BYTES_ENOUGH:
            break
    out.write(struct.pack("=QQ", len(records), sum(len(record) for record in records)))
    for record in records:
        out.write(record)
    for line in lines:
        out.write(line.tobytes() if hasattr(line, "tobytes") else line.tostring())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n")[2].strip())
    if sys.argv[1] == "-":
        write_library(getattr(sys.stdout, "buffer", sys.stdout))
    else:
        write_text(sys.argv[1])
