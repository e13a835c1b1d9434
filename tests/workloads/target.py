"""A Python to be looked at: does what it is told on stdin, a line at a time.

    run NAME ROUNDS   runs a workload that many times, keeps what it returns, answers "done"
    drop              lets go of everything kept, answers "done"
    gc                collects garbage, answers "done"
    stats             prints the allocator's own statistics to stderr, answers "done" (3.3 and later)
    eval EXPRESSION   answers with the value's repr()

Answers go to stdout. Runs on every Python from 2.7 on.
"""
from __future__ import print_function

import gc
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import workloads  # noqa: E402

kept = []


def keep(thing):
    if thing is not None:
        kept.append(thing)


def answer(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def evaluate(expression):
    return repr(eval(expression, {"kept": kept}))


def main():
    answer("ready %d" % os.getpid())
    while True:
        line = sys.stdin.readline()
        if not line:
            return
        command, _, rest = line.strip().partition(" ")
        if command == "run":
            name, rounds = rest.split()
            workload = getattr(workloads, name)
            for _ in range(int(rounds)):
                keep(workload())
            answer("done")
        elif command == "drop":
            del kept[:]
            gc.collect()
            answer("done")
        elif command == "gc":
            gc.collect()
            answer("done")
        elif command == "stats":
            sys._debugmallocstats()
            answer("done")
        elif command == "eval":
            answer(evaluate(rest))
        else:
            answer("error: no command %r" % command)


main()
