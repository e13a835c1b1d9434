"""A process that executes a Python, then a shell, then a Python again, without end: each reading
may find another program than the one before.

    execs.py HOW_MANY    programs executed so far; the first one prints "ready"
"""
import os
import sys

import raw

count = int(sys.argv[1])
if not count:
    raw.say_ready()
kept = [(n, n) for n in range(2000 + count % 7 * 20000)]
again = [sys.executable, "-IS", sys.argv[0], str(count + 1)]
# -I would omit the script's directory, which contains raw.py.
again[1:2] = ["-S"]
os.execv("/bin/sh", ["sh", "-c", 'exec "$@"', "sh"] + again)
