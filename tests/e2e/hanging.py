"""Processes that block every reader of their memory."""
import contextlib
import os
import platform
import subprocess
import sys

import pytest
from target import MARK, WORKLOADS


class Unreadable(subprocess.Popen):
    """A process that blocks every reader of its memory; see tests/workloads/unreadable.py."""

    def __init__(self, user, later):
        super().__init__(
            [sys.executable, os.path.join(WORKLOADS, "unreadable.py"), str(user),
             "later" if later else "now", MARK],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, answer):
        self.stdin.write(b"\n")
        self.stdin.flush()
        assert self.stdout.readline() == answer

    def take_page_away(self):
        self.tell(b"taken\n")

    def give_page_back(self):
        self.tell(b"given\n")


@contextlib.contextmanager
def unreadable(cnt, user=0, later=False):
    """Starts @cnt of them as one user. With @later they can be read at first."""
    if platform.machine() != "x86_64":
        pytest.skip("the workload has userfaultfd's number for x86-64 only")
    running = []
    try:
        for _ in range(cnt):
            running.append(Unreadable(user, later))
        for process in running:
            if process.stdout.readline() != b"ready\n":
                pytest.skip("needs userfaultfd")
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()
