# -*- coding: utf-8 -*-
# SPDX-License-Identifier: BSD-2-Clause
"""Records code objects and frames for test_code_object.c:

    PYTHON record_code_objects.py NAME | gzip -9n > code_objects/NAME.gz

Runs in the Python that is recorded, 2.7 or later, also from stdin. It records its own memory, and
the values that have to be found in it:

    offset MEMBER VALUE     of struct py_offsets
    memory ADDRESS HEX
    code ADDRESS FIRST_LINE SIZE NAME QUALNAME FILENAME     texts in hex ("-": none), SIZE in bytes
    frame ADDRESS INSTR LINE     a frame of that code, its instruction, and its f_lineno ("-": None)
"""
from __future__ import print_function
import binascii
import ctypes
import struct
import sys

VERSION = sys.version_info[:2]
FIRST_LINE = 4660  # unlike any other number in a code object
WORD = struct.calcsize("P")
CHARACTERS_MAX = 512

SOURCE = u"""
class Outer(object):
    def method(self, next, depth=0):
        x = [
            depth]
        for i in x:
            value = next(
                self,
                i + len(
                    x))
        return value

    def closes(self, next, *args):
        cell = next
        def inner():
            return [
                cell(self, arg)
                for arg in args[:1]]
        return inner()

    def enters(self, next, *args):
        with Manager(next,
                     args) as it:
            return (
                it)

class Manager(object):
    def __init__(self, next, args):
        self.got = list(
            generates(next, args))

    def __enter__(self):
        return self.got

    def __exit__(self, *args):
        pass

def generates(next, args):
    yield 1

    yield [next(key)
           for key in args]

def run(last):
    one = Outer()
    return one.method(lambda *args:
                      one.closes(lambda *args: one.enters(
                          last, *args), *args))

def waits():
    yield 1


    yield 2
"""

NAMED = u"""
class Klasse:
    def gr\xf6\xdfe(self): pass
    def \u03c9(self):
        return lambda: 1
    def \U00010428x(self): pass
"""

FILENAMES = [u"/srv/app.py", u"", u"/srv/caf\xe9.py", u"/srv/\u03c9/app.py",
             u"/srv/\U0001f40d\xe9\u03c9.py", u"/srv/" + u"long/" * 101 + u"xx",
             u"/srv/" + u"long/" * 101 + u"xxx", u"/srv/" + u"\u03c9" * 600,
             u"/srv/\udcff\udce9.py", u"new\nline\x7f"]


def value_of(text):
    """The value that pyfrag should read from a str."""
    cut = len(text) > CHARACTERS_MAX
    if VERSION < (3, 0):
        return text[:CHARACTERS_MAX].decode("utf-8", "replace").encode("utf-8") + b"..." * cut
    text = u"".join(u"\ufffd" if u"\ud800" <= one <= u"\udfff" else one
                    for one in text[:CHARACTERS_MAX])
    return (text + u"..." * cut).encode("utf-8")


def compact_data():
    """The size of a str before its characters, if they are not ASCII."""
    return u"\xe9\xea".__sizeof__() - 3


def size_of(thing):
    """Its size in bytes without separate memory, such as a str's cached UTF-8."""
    if isinstance(thing, type(main.__code__)) and VERSION < (3, 11):
        return type(thing).__basicsize__
    if VERSION < (3, 0) or not isinstance(thing, str):
        return thing.__sizeof__()
    widest = max(thing + u"a")
    if widest < u"\x80":
        return u"".__sizeof__() + len(thing)
    kind = 1 if widest < u"\u0100" else 2 if widest < u"\U00010000" else 4
    return compact_data() + (len(thing) + 1) * kind


def word_at(address):
    return struct.unpack("P", ctypes.string_at(address, WORD))[0]


class Recorder(object):
    def __init__(self):
        self.memory = {}
        self.codes = []
        self.frames = []

    def add(self, thing):
        self.memory[id(thing)] = ctypes.string_at(id(thing), size_of(thing))

    def add_code(self, code):
        if any(code is other for other in self.codes):
            return
        self.codes.append(code)
        things = [code, code.co_name, code.co_filename, line_table(code)]
        if VERSION < (3, 11):
            things.append(code.co_code)
        else:
            things.append(code.co_qualname)
        for thing in things:
            self.add(thing)
        kind = type(code)
        self.memory[id(kind)] = ctypes.string_at(id(kind), 4 * WORD)
        self.memory[word_at(id(kind) + 3 * WORD)] = b"code\0"

    def add_frame(self, frame):
        self.add_code(frame.f_code)
        found = (id(frame.f_code), instr_of(frame), frame.f_lineno)
        if found not in self.frames:
            self.frames.append(found)

    def add_frames(self, *_):
        """Adds all frames from the caller's on, as far as they are in this file."""
        frame = sys._getframe(1)
        while frame.f_code.co_filename != __file__:
            self.add_frame(frame)
            frame = frame.f_back


def line_table(code):
    return code.co_lnotab if VERSION < (3, 10) else code.co_linetable


def instr_of(frame):
    """The frame's instruction: from 3.11 on a pointer into the code, here relative to the code's
    address."""
    if VERSION < (3, 10):
        return frame.f_lasti
    if VERSION < (3, 11):
        return frame.f_lasti // 2
    code = frame.f_code
    inner = word_at(id(frame) + 3 * WORD)
    begin = type(code).__basicsize__ - 2
    for i in range(12):
        at = word_at(inner + i * WORD) - id(code)
        if begin <= at < code.__sizeof__():
            return at
    raise AssertionError("no instruction in the frame of " + code.co_name)


def offsets(code):
    """Members of struct py_offsets, found by searching a method's code object for known values."""
    memory = ctypes.string_at(id(code), type(code).__basicsize__)
    words = struct.unpack("%dP" % (len(memory) // WORD), memory[:len(memory) // WORD * WORD])
    ints = struct.unpack("%di" % (len(memory) // 4), memory[:len(memory) // 4 * 4])
    found = {
        "object_type": WORD,
        "type_name": 3 * WORD,
        "code_name": words.index(id(code.co_name)) * WORD,
        "code_filename": words.index(id(code.co_filename)) * WORD,
        "code_line_table": words.index(id(line_table(code))) * WORD,
        "code_firstlineno": ints.index(code.co_firstlineno) * 4,
        "bytes_size": 2 * WORD,
        "bytes_data": b"".__sizeof__() - 1,
        "instr_kind": 1 + sum(VERSION >= one for one in ((3, 10), (3, 11), (3, 13))),
        "line_kind": 1 + sum(VERSION >= one for one in ((3, 0), (3, 10), (3, 11))),
    }
    if VERSION < (3, 11):
        found["code_code"] = words.index(id(code.co_code)) * WORD
    else:
        found["code_code"] = type(code).__basicsize__
        found["code_size"] = 2 * WORD
        found["code_qualname"] = words.index(id(code.co_qualname)) * WORD
        found["code_first_traceable"] = type(code).__basicsize__ - 2 * WORD
    if VERSION > (3, 0):
        found["unicode_length"] = 2 * WORD
        found["unicode_state"] = 4 * WORD
        found["unicode_ascii_data"] = u"".__sizeof__() - 1
        found["unicode_compact_data"] = compact_data()
    return found


def record():
    recorder = Recorder()
    space = {}
    filename = "/srv/application/models.py"
    exec(compile(u"\n" * (FIRST_LINE - 3) + SOURCE, filename, "exec"), space)
    for _ in range(50):  # specializes the calls, so that the interpreter does not call itself
        space["run"](lambda *_: 1)
    space["run"](recorder.add_frames)
    begun = space["waits"]()
    recorder.add_frame(begun.gi_frame)
    next(begun)
    recorder.add_frame(begun.gi_frame)
    for name in FILENAMES:
        if VERSION < (3, 0):
            if u"\udcff" in name:
                continue  # takes the numbers for characters
            name = name.encode("latin-1" if u"\xe9.py" in name else "utf-8")
        recorder.add_code(compile("pass", name, "exec"))
    if VERSION > (3, 0):
        module = compile(NAMED, "named.py", "exec")
        for one in (module, module.co_consts[0]):
            for const in one.co_consts:
                if isinstance(const, type(one)):
                    recorder.add_code(const)
    return recorder, offsets(space["Outer"].__dict__["method"].__code__)


def text(value):
    return binascii.hexlify(value).decode() or '""'


def main(name):
    recorder, found = record()
    print("# " + name + ", " + sys.version.replace("\n", " "))
    for member in sorted(found):
        print("offset %s %d" % (member, found[member]))
    for address in sorted(recorder.memory):
        print("memory %#x %s" % (address, text(recorder.memory[address])))
    for code in recorder.codes:
        qualname = text(value_of(code.co_qualname)) if VERSION >= (3, 11) else "-"
        print("code %#x %d %d %s %s %s" % (
            id(code), code.co_firstlineno, len(code.co_code), text(value_of(code.co_name)),
            qualname,
            text(value_of(code.co_filename))))
    for address, instr, line in recorder.frames:
        print("frame %#x %d %s" % (address, instr, "-" if line is None else line))


__file__ = globals().get("__file__", "<stdin>")
if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.split("\n")[2].strip())
    main(sys.argv[1])
