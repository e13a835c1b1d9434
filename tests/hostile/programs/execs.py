"""A process that is a Python, then a shell, then a Python again, all the time: each reading may
meet another program than the one before.

    execs.py HOW_MANY    programs so far; the first one says that it is ready
"""
import os
import sys

import raw

count = int(sys.argv[1])
if not count:
    raw.say_ready()
kept = [(n, n) for n in range(2000 + count % 7 * 20000)]
again = [sys.executable, "-IS", sys.argv[0], str(count + 1)]
# -I leaves out the script's directory, in which raw.py is.
again[1:2] = ["-S"]
os.execv("/bin/sh", ["sh", "-c", 'exec "$@"', "sh"] + again)
