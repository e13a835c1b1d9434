# -*- coding: utf-8 -*-
"""Threads that block forever, each deep in another kind of stack, and the stacks that Python itself
shows."""
import json
import sys
import threading
import time

HAS_UNICODE_NAMES = sys.version_info[0] > 2

lock = threading.Lock()
threads = []


def wait():
    lock.acquire()
    lock.release()


def nested(depth):
    if depth:
        return nested(depth - 1)
    return wait()


def through_c():
    """C code in the middle of a stack: from 3.12 on there are frames for it."""
    return list(map(nested, [3]))


class Instance(object):
    def __init__(self, block):
        if block:
            self.method()

    def method(self):
        wait()


def instances():
    # Often enough for the interpreter to specialize the call: it then runs __init__() without C
    # code in between.
    for number in range(1000):
        Instance(number == 999)


def generator():
    yield 1
    yield wait()


def from_generator():
    def inner():
        return [value for value in generator()]

    return inner()


def from_source():
    """Names of each string kind."""
    space = {"wait": wait}
    for name in ["latin_\xfc", "wide_\u0101"]:
        source = "def %s(first):\n    return first()\n" % name
        exec(compile(source, "<source of \U0001f40d>", "exec"), space)
    space["latin_\xfc"](lambda: space["wide_\u0101"](wait))


def start():
    lock.acquire()
    for run in [wait, lambda: nested(20), through_c, instances, from_generator] + (
            [from_source] if HAS_UNICODE_NAMES else []):
        thread = threading.Thread(target=run)
        thread.daemon = True
        thread.start()
        threads.append(thread)
    time.sleep(0.3)


def describe_frame(frame):
    code = frame.f_code
    described = {
        "type": "code",
        "name": code.co_name,
        "filename": code.co_filename,
        "firstlineno": code.co_firstlineno,
        "lasti": frame.f_lasti,
        "code_bytes": len(code.co_code),
        "line_table_bytes": len(
            code.co_linetable if hasattr(code, "co_linetable") else code.co_lnotab),
    }
    if hasattr(code, "co_qualname"):
        described["qualname"] = code.co_qualname
    return described


def describe():
    """The stacks, innermost frame first, of all threads except the one that asks, and of that
    one."""
    own = threading.current_thread().ident
    stacks = {}
    for thread, frame in sys._current_frames().items():
        stack = stacks[str(thread)] = []
        while frame:
            stack.append(describe_frame(frame))
            frame = frame.f_back
    asking = stacks.pop(str(own))
    return json.dumps({"threads": stacks, "own": str(own), "asking": asking})
