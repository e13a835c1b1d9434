"""A Python whose functions and files have the longest names that pyfrag reads, in four-byte
characters, so that its allocation sites need as much text as possible. Its heap has pinned arenas
and grows for a while, so that an alert fires and the process is probed."""
import os
import time

SITES, ROUNDS = 6, 200
SOURCE = """
def %(inner)s(kept):
    made = []
    for i in range(20000):
        made.append((i, None))
    kept.append(made[::100])
def %(outer)s(kept):
    %(inner)s(kept)
"""


def name(number):
    return chr(0x20000 + number) * 512


def make_site(number):
    """A function that calls another one, which allocates."""
    names = {"inner": name(3 * number), "outer": name(3 * number + 1)}
    found = {}
    exec(compile(SOURCE % names, name(3 * number + 2), "exec"), found)
    return found[names["outer"]]


sites, kept = [make_site(number) for number in range(SITES)], []
print("ready", os.getpid(), flush=True)
for _ in range(ROUNDS):
    for site in sites:
        site(kept)
        time.sleep(0.02)
while True:
    time.sleep(1000)
