"""The target of the tests: it obeys commands on stdin, a line each.

    run NAME ROUNDS   runs a workload that many times, keeps what it returns, answers "done"
    drop              releases everything kept, answers "done"
    gc                collects garbage, answers "done"
    stats             prints the allocator's own statistics to stderr, answers "done" (3.3 and
                      later)
    eval EXPRESSION   answers with the value's repr()
    end HOW           continues in another thread, answers "done", and ends the first one: by
                      "pthread_exit" or "exit", the system call; needs ctypes

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


def go_on(loaded):
    loaded.wait()
    answer("done")
    main()
    # Without a first thread, nothing waits for this thread before the interpreter is finalized.
    os._exit(0)


def end_first_thread(how):
    import ctypes
    import threading
    libc = ctypes.CDLL(None)
    loaded = threading.Event()
    threading.Thread(target=go_on, args=(loaded,)).start()
    loaded.set()
    if how == "exit":
        libc.syscall(60, 0)  # SYS_exit of x86-64
    else:
        libc.pthread_exit(None)


def main():
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
        elif command == "end":
            end_first_thread(rest)
        else:
            answer("error: no command %r" % command)


answer("ready %d" % os.getpid())
main()
