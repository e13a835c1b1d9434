"""Swap space for tests, and how to swap a process out."""
import contextlib
import ctypes
import os
import re
import signal
import subprocess

import pytest

from bystanders import wait_for

SWAP_BYTES = 256 << 20
PROCESS_MADVISE, PIDFD_OPEN, MADV_PAGEOUT = 440, 434, 21  # of x86-64; Linux 5.10
libc = ctypes.CDLL(None, use_errno=True)


class Vector(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


@contextlib.contextmanager
def space(directory):
    """Swap space in a file of that directory; skips the test if there can be none."""
    path = "%s/swap" % directory
    with open(path, "wb") as file:
        os.chmod(path, 0o600)
        os.posix_fallocate(file.fileno(), 0, SWAP_BYTES)
    for command in ("mkswap", "swapon"):
        try:
            subprocess.run([command, path], check=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip("no swap space: %s" % (getattr(error, "stderr", b"") or error))
    try:
        yield
    finally:
        subprocess.run(["swapoff", path], check=True)


def mappings(pid, name):
    """Start and end of the writable mappings of that name; "": those that are anonymous."""
    with open("/proc/%d/maps" % pid) as maps:
        lines = [line.split(None, 5) + [""] for line in maps]
    return [tuple(int(address, 16) for address in line[0].split("-")) for line in lines
            if line[1].startswith("rw") and line[5].strip() == name]


def swap_out(pid, ranges=None):
    """Swaps out its anonymous memory without malloc's main heap, or the given ranges."""
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    for start, end in ranges or mappings(pid, ""):
        vector = Vector(start, end - start)
        if libc.syscall(PROCESS_MADVISE, pidfd, ctypes.byref(vector), ctypes.c_size_t(1),
                        MADV_PAGEOUT, 0) < 0:
            pytest.skip("process_madvise: " + os.strerror(ctypes.get_errno()))
    os.close(pidfd)


def swapped_bytes(pid):
    """How much of it is swapped out, by its page tables."""
    with open("/proc/%d/smaps" % pid) as smaps:
        return 1024 * sum(int(size) for size in re.findall(r"(?m)^Swap: +(\d+) kB", smaps.read()))


def resident_bytes(pid, name):
    """How much of its mappings of that name is in RAM. There is at least one."""
    with open("/proc/%d/smaps" % pid) as smaps:
        sizes = re.findall(r"(?m)^[0-9a-f]+-.* %s\n(?:.*\n)*?Rss: +(\d+) kB" % re.escape(name),
                           smaps.read())
    assert sizes
    return 1024 * sum(int(size) for size in sizes)


class Cgroup:
    """A control group with a limit on its memory, in either version of the hierarchy."""

    def __init__(self, pid):
        v1 = "/sys/fs/cgroup/memory"
        self.is_v1 = os.path.isdir(v1)
        self.path = "%s/pyfrag-test-%d" % (v1 if self.is_v1 else "/sys/fs/cgroup", pid)
        os.mkdir(self.path)
        try:
            self.limit(1 << 40)
            self.write("cgroup.procs", pid)
        except OSError as error:
            os.rmdir(self.path)
            pytest.skip("no control group for memory: %s" % error)

    def write(self, name, value):
        with open(self.path + "/" + name, "r+") as file:  # never creates a file
            file.write(str(value))

    def read(self, name):
        with open(self.path + "/" + name) as file:
            return file.read()

    def limit(self, size):
        self.write("memory.limit_in_bytes" if self.is_v1 else "memory.max", size)

    def usage(self):
        return int(self.read("memory.usage_in_bytes" if self.is_v1 else "memory.current"))

    def limit_hits(self):
        """How often the group ran into its limit."""
        if self.is_v1:
            return int(self.read("memory.failcnt"))
        return int(re.search(r"(?m)^max (\d+)", self.read("memory.events")).group(1))



@contextlib.contextmanager
def cgroup(pid):
    """Puts the process into a group of its own."""
    group = Cgroup(pid)
    try:
        yield group
    finally:
        # It can be removed once nothing is in it.
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not group.read("cgroup.procs"))
        os.rmdir(group.path)
