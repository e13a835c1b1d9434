"""A Python whose executable has a path of 40 KiB: no system call accepts it, and /proc truncates
it.

    deep.py DIRECTORY
"""
import os
import shutil
import sys

import raw

if len(sys.argv) > 1:
    os.chdir(sys.argv[1])
    for _ in range(200):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    shutil.copy("/proc/self/exe", "python3.11")
    script = "import sys; sys.path.insert(0, %r); sys.argv = ['']; exec(open(%r).read())" % (
        os.path.dirname(__file__), __file__)
    # A name without a slash is looked up in PATH and not made absolute.
    os.execve("./python3.11", ["python3.11", "-Sc", script],
              {"PYTHONHOME": sys.base_prefix, "PATH": os.environ["PATH"]})
kept = [(n, n) for n in range(50000)]
raw.rest()
