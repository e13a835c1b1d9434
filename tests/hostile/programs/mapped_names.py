"""A Python that maps files with misleading names: names with newlines and a line of /proc/PID/maps
in them, and a name that ends in "(deleted)", of a file that exists but is not the mapped one.

    mapped_names.py DIRECTORY
"""
import mmap
import os
import shutil
import sys

import raw

NAMES = ("libpython3.11.so.1.0 (deleted)", "libpython3.11.so\n00400000-7ffffffff000 r-xp 00000000 "
                                           "00:00 1 python",
         "\x1b[2J\\012python3.11", "[heap]", "libpython3.11.so.1.0")

os.chdir(sys.argv[1])
kept = [(n, n) for n in range(50000)]
for name in NAMES:
    shutil.copy("/proc/self/exe", name)
    with open(name, "rb") as file:
        kept.append(mmap.mmap(file.fileno(), 1 << 20, mmap.MAP_PRIVATE,
                              mmap.PROT_READ | mmap.PROT_EXEC))
# The mapped file is deleted; the file that now has its name is another one.
os.unlink("libpython3.11.so.1.0")
os.truncate("libpython3.11.so.1.0 (deleted)", 4096)
raw.rest()
