"""Processes that a test leaves behind are found and ended, even if they were reparented or have a
session of their own."""
import os
import subprocess
import sys

import pytest
from bystanders import as_user, end_all_but, of_this_run

# Continues as a child of init, in a session of its own.
DETACHED = """
import os, time
if not os.fork():
    os.setsid()
    print(os.getpid(), flush=True)
    os.close(1)
    time.sleep(1000)
"""


@pytest.mark.parametrize("wrapper", [[], as_user(), ["unshare", "--mount"]],
                         ids=["root", "user", "namespace"])
def test_what_is_left_is_ended(wrapper):
    with subprocess.Popen([sys.executable, "-c", "input(1)"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as stays:
        assert stays.stdout.read(1) == b"1"
        others = of_this_run()
        assert stays.pid in others and os.getpid() not in others
        child = subprocess.run([*wrapper, sys.executable, "-c", DETACHED], stdout=subprocess.PIPE,
                               check=True, cwd="/")
        assert of_this_run() - others == {int(child.stdout)}
        assert len(end_all_but(others)) == 1
        assert of_this_run() == others and stays.poll() is None
        stays.communicate(b"\n")
