"""Patterns of allocation, one per function. What a function returns is kept alive."""
from __future__ import print_function

import gc
import itertools
import json
import re
import sys
import threading

DOCUMENT = {
    "name": "pool",
    "sizes": list(range(60)),
    "ratios": [number / 7.0 for number in range(60)],
    "nested": [{"key%d" % number: "value%d" % number * 3} for number in range(20)],
}


def json_churn():
    for _ in range(20):
        json.loads(json.dumps(DOCUMENT))


def string_churn():
    words = ["word%d" % number for number in range(500)]
    for _ in range(10):
        text = " ".join(words)
        [word.upper() + "!" for word in text.split()]
        text.replace("word", "w").encode("utf-8")


class Node(object):
    def __init__(self, value, following=None):
        self.value = value
        self.following = following
        self.tags = [value]


CALLS = itertools.count(1)


def class_instances():
    """A chain of instances, of which every fifth one is kept."""
    head = None
    for number in range(1000):
        head = Node(number, head)
    return None if next(CALLS) % 5 else head


def thread_churn():
    def work():
        for _ in range(5):
            json.loads(json.dumps(DOCUMENT))
            [Node(number) for number in range(100)]

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cycles_and_gc():
    for _ in range(300):
        left, right = Node(1), Node(2)
        left.following, right.following = right, left
    gc.collect()


def growing_buffers():
    numbers = []
    for number in range(3000):
        numbers.append(number * 1000)
        if number % 7 == 0:
            numbers.pop()
    data = bytearray()
    for number in range(400):
        data += b"0123456789"
        if number % 50 == 0:
            del data[: len(data) // 2]
    sizes = [[None] * (number % 64) for number in range(500)]
    for items in sizes:
        items.extend(range(5))
    table = {}
    for number in range(300):
        table[number] = number
    return None


def regular_expressions():
    re.purge()
    for number in range(30):
        pattern = re.compile(r"(a|b)*c%d[d-f]+(?P<tail>x*)" % number)
        pattern.findall("abcabc%dddexxx" % number * 20)


def subinterpreters():
    """Interpreters with allocators of their own (3.12 and later); elsewhere none."""
    code = "import json\nkept = [json.dumps(list(range(40))) for _ in range(2000)]\n"
    try:
        import _interpreters as module
    except ImportError:
        try:
            import _xxsubinterpreters as module
        except ImportError:
            return None
    create, run = module.create, getattr(module, "exec", None) or module.run_string
    first, second = create(), create()
    run(first, code)
    run(second, code)
    module.destroy(second)
    return first


LIFE = ("import json, sys\n"
        "class Node(object):\n    pass\n"
        "nodes = [Node() for _ in range(2000)]\n"
        "for node in nodes:\n    node.me = node, json.dumps(list(range(20)))\n"
        "[sys.intern('a name of number %d' % number) for number in range(3000)]\n")


def ended_interpreters(interpreters=4, code=LIFE):
    """Interpreters with allocators of their own that start and end. Some of their memory is never
    freed: interned strings, up to 3.12, and here and there an immortal object."""
    try:
        import _interpreters as module
    except ImportError:
        try:
            import _xxsubinterpreters as module
        except ImportError:
            return
    run = getattr(module, "exec", None) or module.run_string
    for _ in range(interpreters):
        interpreter = module.create()
        run(interpreter, code)
        module.destroy(interpreter)


def brief_interpreters():
    ended_interpreters(1, "import sys\n[sys.intern('a name of number %d' % number) for number in "
                          "range(3000)]\n")


def talk():
    """The experiment that this project began with, scaled down: strings of all sizes, every second
    one dropped."""
    strings = []
    for size in range(1, 100):
        strings.extend("x" * (16 * size) + str(number) for number in range(100))
    del strings[::2]
    return strings


def tuples_with_survivors():
    """Hundreds of thousands of tuples, of which every hundredth is kept: every arena is pinned."""
    tuples = [(number,) for number in range(200000)]
    return tuples[::100]


PIN_BYTES = 450  # as bytes or, in Python 2, str: no other object has this size class


def plant_pins(count):
    """Fills arenas with blocks of one size, then frees all but one in each of @count arenas.
    Returns the survivors; they are so far apart that no two share an arena."""
    blocks = [b"%d" % number + b"x" * PIN_BYTES for number in range(count * 10000)]
    blocks.sort(key=id)
    survivors, last = [], 0
    for block in blocks[len(blocks) // 20:]:
        if id(block) - last >= 4 << 20 and len(survivors) < count:
            survivors.append(block)
            last = id(block)
    del blocks, block
    gc.collect()
    return survivors


def ten_pins():
    return plant_pins(10)


def often_block(number):
    return b"o%d" % number + b"x" * PIN_BYTES  # often


def sometimes_block(number):
    return b"s%d" % number + b"x" * PIN_BYTES  # sometimes


def seldom_block(number):
    return b"r%d" % number + b"x" * PIN_BYTES  # seldom


MAKERS = [often_block, sometimes_block, seldom_block]


def pins_of_three_lines():
    """Like plant_pins(), with blocks allocated at three lines; six, three and one of them
    survive."""
    blocks = [MAKERS[number % 3](number) for number in range(120000)]
    blocks.sort(key=id)
    wanted = [b"o"] * 6 + [b"s"] * 3 + [b"r"]
    survivors, last = [], 0
    for block in blocks[len(blocks) // 20:]:
        if not wanted:
            break
        if id(block) - last >= 4 << 20 and block[:1] == wanted[0]:
            survivors.append(block)
            last = id(block)
            del wanted[0]
    del blocks, block
    gc.collect()
    return survivors


def much_of_three_lines():
    """Blocks that stay alive, allocated at three lines: 40,000, 20,000 and 5,000."""
    return ([often_block(number) for number in range(40000)]
            + [sometimes_block(number) for number in range(20000)]
            + [seldom_block(number) for number in range(5000)])


def frames_and_generators():
    def numbers(depth):
        if depth:
            for number in numbers(depth - 1):
                yield number
        yield depth

    def recurse(depth):
        return recurse(depth - 1) + 1 if depth else 0

    for _ in range(20):
        list(numbers(30))
        recurse(200)
    [lambda value=value: value for value in range(200)]


def errors():
    for number in range(200):
        try:
            raise ValueError("number %d" % number)
        except ValueError as error:
            str(error)


if sys.version_info < (3,):
    range = xrange  # noqa: F821
