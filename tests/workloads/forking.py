"""A parent with a heap, and forked children: they share its memory until they write to it."""
import os
import sys
import time

kept = [(number, number + 0.5) for number in range(200000)]
children = []
for number in range(2):
    pid = os.fork()
    if not pid:
        if number == 1:
            own = [(number, number + 0.5) for number in range(400000)]
        while os.getppid() != 1:
            time.sleep(0.05)
        os._exit(0)
    children.append(pid)
print("ready %d" % os.getpid())
print(" ".join(str(pid) for pid in children))
sys.stdout.flush()
sys.stdin.readline()
for pid in children:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
