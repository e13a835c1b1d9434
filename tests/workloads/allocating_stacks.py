"""Allocates objects from many kinds of stacks, and prints for each the stack that Python itself
shows."""
import ast
import functools
import json
import os
import sys
import threading

kept = []
records = []
codes = []  # Keeps compiled code alive: pyfrag may read the names in it later.

# Code that other interpreters run, too.
DESCRIBE = """
def describe(frame):
    found = []
    while frame is not None:
        code = frame.f_code
        found.append([getattr(code, "co_qualname", code.co_name), code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return found
"""
exec(DESCRIBE)


def keep(thing, frame):
    """A plain object has no GC header, so that its address is that of its block."""
    kept.append(thing)
    records.append([id(thing), describe(frame)])
    return thing


def plain():
    keep(object(), sys._getframe())


def nested(depth):
    if depth:
        nested(
            depth - 1
        )
    else:
        keep(object(), sys._getframe())


def generator():
    keep(object(), sys._getframe())
    yield 1
    for _ in inner_generator():
        keep(object(), sys._getframe())
        yield 2


def inner_generator():
    yield keep(object(), sys._getframe())


def generators():
    for _ in generator():
        pass


def comprehensions():
    [keep(object(), sys._getframe()) for _ in range(2)]
    {number: keep(object(), sys._getframe()) for number in range(2)}
    list(keep(object(), sys._getframe()) for _ in range(2))


def decorate(function):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)
    return wrapper


@decorate
def decorated():
    keep(object(), sys._getframe())


class Class(object):
    attribute = keep(object(), sys._getframe())

    def __init__(self):
        keep(object(), sys._getframe())

    @property
    def value(self):
        return keep(object(), sys._getframe())

    @staticmethod
    def static():
        keep(object(), sys._getframe())

    def __lt__(self, other):
        keep(object(), sys._getframe())
        return False


def classes():
    instance = Class()
    instance.value
    Class.static()
    sorted([Class(), Class()])

    class Local(Class):
        again = keep(object(), sys._getframe())
    Local()


def lambdas():
    run = lambda: keep(object(), sys._getframe())  # noqa: E731
    run()
    list(map(lambda _: keep(object(), sys._getframe()), [1, 2]))


def compiled(source, name, kind):
    codes.append(compile(source, name, kind))
    return codes[-1]


def executed():
    space = {"keep": keep, "sys": sys}
    exec(compiled("def f():\n\n    keep(object(), sys._getframe())\n\nf()\n", "<made up>", "exec"),
         space)
    eval(compiled("keep(object(), sys._getframe())", "<string>", "eval"), space)


def failing():
    try:
        raise ValueError
    except ValueError:
        keep(object(), sys._getframe())
    finally:
        keep(object(), sys._getframe())


def in_threads():
    threads = [threading.Thread(target=target)
               for target in (plain, generators, functools.partial(nested, 5))]
    for thread in threads:
        thread.start()
        thread.join()


def deep():
    nested(100)
    nested(300)


def coroutines():
    if sys.version_info[0] < 3:
        return
    space = {"keep": keep, "sys": sys}
    exec(compiled(
        "async def inner():\n    return keep(object(), sys._getframe())\n"
        "async def outer():\n    await inner()\n    return 1\n"
        "def run():\n    try:\n        outer().send(None)\n    except StopIteration:\n        "
        "pass\n",
        "<coroutines>", "exec"), space)
    space["run"]()


ELSEWHERE = """
import posix, sys, time
kept = []
%s
def keep(thing, frame):
    kept.append([thing, describe(frame)])
    posix.write(%d, repr([id(thing), kept[-1][1]]).encode())
def allocate_elsewhere():
    keep(object(), sys._getframe())
allocate_elsewhere()
time.sleep(0.3)  # its code is freed after the call; pyfrag reads its name before that
"""


def import_first(*names):
    for name in names:
        try:
            return __import__(name)
        except ImportError:
            pass
    return None


interpreters = import_first("_interpreters", "_xxsubinterpreters")
other = interpreters.create() if interpreters else None


def in_another_interpreter():
    """In the same thread, which has a thread state in each of the two interpreters."""
    if not interpreters:
        return
    readable, writable = os.pipe()
    interpreters.run_string(other, ELSEWHERE % (DESCRIBE, writable))
    plain()
    records.append(ast.literal_eval(os.read(readable, 65536).decode()))


SCENARIOS = [plain, generators, comprehensions, decorated, classes, lambdas, executed, failing,
             in_threads, deep, coroutines, in_another_interpreter]


def main():
    print("ready %d" % os.getpid())
    sys.stdout.flush()
    sys.stdin.readline()
    del kept[:], records[:]
    for scenario in SCENARIOS:
        scenario()
    print(json.dumps(records))
    sys.stdout.flush()
    sys.stdin.readline()


main()
