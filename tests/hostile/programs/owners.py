"""A Python whose files in /proc belong to root at one moment and to its user at the next (prctl
PR_SET_DUMPABLE), as with a program that is set-user-ID."""
import time

import raw

PR_SET_DUMPABLE = 4

kept = [(n, n) for n in range(50000)]
raw.say_ready()
while True:
    for dumpable in 0, 1:
        raw.check(raw.libc.prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0), "PR_SET_DUMPABLE")
        time.sleep(0.001)
