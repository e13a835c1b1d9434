"""Processes that try to make pyfrag use much memory. pyfrag stays within --max-memory whatever they
do, and counts what it refuses."""
import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from bystanders import as_user, children_of, wait_for
from conftest import PYFRAG, PYTHONS, TOP, check_report, run_pyfrag
from target import MARK, WORKLOADS, Target
from test_agent import Agent

sys.path.insert(0, TOP + "/tests/hostile")

import jail  # noqa: E402

PYTHON = "/usr/bin/python3.11"
MIB = 1 << 20
# The memory of pyfrag without any target: its code and libraries, BPF programs, the symbols of a
# Python's file.
OWN_BYTES = 32 * MIB

pytestmark = pytest.mark.skipif(not os.path.exists(PYTHON),
                                reason="needs %s, whose structures the program forges" % PYTHON)


class MovingArenas:
    """See tests/workloads/moving_arenas.py."""

    def __init__(self, *args):
        with open(WORKLOADS + "/moving_arenas.py") as file:
            text = "# %s\n%s" % (MARK, file.read())
        self.process = subprocess.Popen(as_user() + [PYTHON, "-uc", text, *map(str, args)], cwd="/",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == b"ready\n"
        found = re.search(r"found through 0x([0-9a-f]+)",
                          run_pyfrag("snapshot", "-v", "-p", self.pid).stderr.decode())
        self.move(found.group(1))

    def move(self, line=""):
        """Makes the arenas move; returns the addresses between which they are now."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return [int(address, 16) for address in self.process.stdout.readline().split()]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()


class Peak(threading.Thread):
    """Samples the peak resident memory of a process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.bytes, self.ended = pid, 0, False
        self.start()

    def run(self):
        while not self.ended:
            try:
                with open("/proc/%d/status" % self.pid) as file:
                    match = re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.M)
            except OSError:
                return
            self.bytes = max(self.bytes, int(match.group(1)) * 1024 if match else 0)
            time.sleep(0.005)

    def end(self):
        self.ended = True
        self.join()
        return self.bytes


def run_measured(*args):
    """Runs a command; returns its exit status, its output and its peak memory."""
    process = subprocess.Popen([PYFRAG, *map(str, args)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    peak = Peak(process.pid)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err.decode(), peak.end()


def test_many_arenas():
    """4 GiB of arenas: either everything known of them fits, or the command says how much memory
    would suffice."""
    with MovingArenas(4096) as hostile:
        for mib in (256, 64, 24):
            code, out, err, peak = run_measured("snapshot", "-p", hostile.pid, "--by", "owner",
                                                "--paths", "--json",
                                                "--blocks", "1", "--max-memory", "%dMiB" % mib)
            assert peak < mib * MIB + OWN_BYTES, (mib, peak / MIB)
            if code:
                assert "%d.0 MiB" % mib in err and "--max-memory" in err, err
                assert len(err.splitlines()) == 1, err
                assert not out
            else:
                assert check_report(out)["heap"]["arenas"] == 4096
        assert code, "24 MiB are less than 1 % of 4 GiB"


# Each block could be the last float of a free list: 24 bytes to remember, and to sort.
BLOCKS_OF_ZEROS = """
import ctypes, time
calloc = ctypes.pythonapi.PyMem_Calloc
calloc.restype, calloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t] * 2
for _ in range(4535000):
    calloc(1, 32)
print("ready", flush=True)
time.sleep(1000)
"""


def test_what_is_sorted():
    """Sorting data that nearly fills the account takes memory, too."""
    hostile = subprocess.Popen(as_user() + [PYTHON, "-c", BLOCKS_OF_ZEROS], cwd="/",
                               stdout=subprocess.PIPE)
    try:
        assert hostile.stdout.readline() == b"ready\n"
        code, out, err, peak = run_measured("snapshot", "-p", hostile.pid, "--by", "type",
                                            "--json", "--max-memory", "128MiB")
        assert peak < 128 * MIB + OWN_BYTES, peak / MIB
        assert code and not out and "--max-memory" in err and len(err.splitlines()) == 1, err
    finally:
        hostile.kill()
        hostile.communicate()


def test_arenas_that_move():
    """Each report covers the arenas that exist then, and none costs more memory than the first."""
    with MovingArenas(4096) as hostile:
        process = subprocess.Popen([PYFRAG, "trace", "-p", str(hostile.pid), "-i", "0.3",
                                    "--json", "--blocks", "1",
                                    "--max-memory", "64MiB"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        peak = Peak(process.pid)
        starts = set()
        try:
            for _ in range(15):
                starts.add(check_report(process.stdout.readline())["pinned"]["list"][-1]["address"])
                hostile.move()
        finally:
            process.kill()
            process.communicate()
        assert peak.end() < 64 * MIB + OWN_BYTES, peak.bytes / MIB
        assert len(starts) >= 14


def test_agent_beside_arenas_that_move():
    """Two processes that together want more than the limit take memory from each other, not from
    other processes."""
    with MovingArenas(4096) as one, MovingArenas(4096) as other, Target(PYTHONS[0]) as victim:
        victim.run("tuples_with_survivors")
        victim.wait_until_blocked()
        expected = json.loads(run_pyfrag("snapshot", "-p", victim.pid, "--json").stdout)["heap"]
        agent = Agent("--budget", "100%", "--max-memory", "64MiB", "--match", MARK)
        peak = Peak(agent.process.pid)
        try:
            wait_for(lambda: victim.pid in agent.processes())
            readings = agent.metrics()["pyfrag_readings_total", ""]
            for _ in range(15):
                one.move()
                other.move()
                before = agent.metrics()["pyfrag_readings_total", ""]
                wait_for(lambda: agent.metrics()["pyfrag_readings_total", ""] >= before + 3)
            assert agent.metrics()["pyfrag_readings_total", ""] > readings + 30
            metrics = agent.metrics()
            assert metrics["pyfrag_memory_refusals_total", ""] > 0
            assert metrics["pyfrag_memory_accounted_bytes", ""] <= 64 * MIB
            report = json.loads(agent.get("/v1/processes/%d/report" % victim.pid)[1])
            assert report["heap"] == expected and not report["counters"]["memory_refused"]
        finally:
            peak_bytes = peak.end()
            agent.stop()
        assert peak_bytes < 64 * MIB + OWN_BYTES, peak_bytes / MIB


@pytest.fixture
def small_jail():
    """A cgroup with little memory, where one can be made."""
    found = jail.find()
    if not found:
        pytest.skip("cannot make a cgroup with a memory limit here")
    made = jail.Jail(*found, "pyfrag-crowd-%d" % os.getpid()).make(128 * MIB)
    yield made
    made.remove()


def test_page_tables_of_a_crowd(small_jail):
    """Reading 1024 arenas that a process never touched, 2 MiB apart, makes the kernel allocate 4
    MiB of page tables, charged to pyfrag's cgroup. For a crowd of such processes they would exceed
    what the cgroup allows beyond --max-memory."""
    agent = Agent("--budget", "100%", "--max-memory", "64MiB", "--match", MARK,
                  wrapper=small_jail.wrapper())
    try:
        with MovingArenas(1024, 24, 2) as crowd:
            wait_for(lambda: set(children_of(crowd.pid)) <= set(agent.processes()))
            wait_for(lambda: agent.metrics()["pyfrag_memory_refusals_total", ""] > 24 * 8)
            with Target(PYTHONS[0]) as victim:
                # on a busy machine
                wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}), 60)
        assert agent.stop() == 0
    finally:
        agent.end()
