"""A Python that continuously overwrites its own code with the original bytes: breakpoints in it
disappear, and its pages are no longer those of the file."""
import ctypes
import re
import time

import raw

READ_WRITE_EXEC = 7

with open("/proc/self/maps") as maps:
    match = next(re.match(r"(\w+)-(\w+) r-xp .*python3", line)
                 for line in maps if re.search(r" r-xp .*python3", line))
start, end = (int(word, 16) for word in match.groups())
code = ctypes.string_at(start, end - start)
raw.check(raw.libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(end - start), READ_WRITE_EXEC),
          "mprotect")
raw.say_ready()
while True:
    kept = [(n, n) for n in range(20000)]
    for at in range(0, len(code), 4096):
        ctypes.memmove(start + at, code[at:at + 4096], min(4096, len(code) - at))
    time.sleep(0.005)
