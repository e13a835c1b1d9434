"""A Python whose files in /proc belong alternately to root and to its user (prctl PR_SET_DUMPABLE),
like those of a set-user-ID program."""
import time

import raw

PR_SET_DUMPABLE = 4

kept = [(n, n) for n in range(50000)]
raw.say_ready()
while True:
    for dumpable in 0, 1:
        raw.check(raw.libc.prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0), "PR_SET_DUMPABLE")
        time.sleep(0.001)
