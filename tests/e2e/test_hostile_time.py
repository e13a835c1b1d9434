"""Processes whose structures take very long to read. A reading is cut short when it has used its
CPU time; that is reported and counted, and other processes are read nevertheless. Nothing here
asserts how long anything takes."""
import contextlib
import math
import os
import subprocess
import time

import pytest
from bystanders import as_user, wait_for
from conftest import TOP, run_pyfrag
from target import MARK, Target
from test_agent import Agent

import pythons

PROGRAM = TOP + "/tests/hostile/programs/expensive.py"
SYMBOLS = os.environ.get("PYFRAG_HOSTILE", TOP + "/build/tests/hostile/programs") + "/symbols"
PYTHON = next((one for one in pythons.find() if one.command == ["/usr/bin/python3.11"]), None)
# An honest process takes a tenth of that; reading one of these to the end takes several times as
# much.
ALLOWED = ["--max-cpu", "400ms"]
TOO_LONG = "exceeds the CPU time limit"
INTERVAL_S = 0.5  # of the agent

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="needs Debian's python3.11, whose structures the program forges")


class Expensive:
    """A process that is expensive to read or, with the other program, expensive to look at."""

    def __init__(self, command=()):
        self.process = subprocess.Popen(
            [*as_user(), *(command or [*PYTHON.command, PROGRAM, MARK])], cwd="/",
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"})
        self.pid = self.process.pid
        assert self.process.stdout.readline().split()[:1] == [b"ready"]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def run_agent():
    agent = Agent("--budget", "100%", "--match", MARK, *ALLOWED)
    try:
        yield agent
    finally:
        agent.stop()


def check_goes_on(agent, victim):
    """Asserts that the victim is read again and again."""
    wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
    readings = agent.metrics()["pyfrag_readings_total", ""]
    wait_for(lambda: agent.metrics()["pyfrag_readings_total", ""] >= readings + 5)
    assert "not_read" not in agent.processes()[victim.pid]


def test_a_reading_that_takes_too_long():
    with Expensive() as hostile, Target(PYTHON) as victim, run_agent() as agent:
        start = time.monotonic()
        wait_for(lambda: "not_read" in agent.processes().get(hostile.pid, {}))
        check_goes_on(agent, victim)
        listed, metrics = agent.processes()[hostile.pid], agent.metrics()
        intervals = (time.monotonic() - start) / INTERVAL_S
    assert listed["not_read"] == TOO_LONG and "heap" not in listed
    # After each attempt the number of intervals until the next one doubles.
    assert 1 <= metrics["pyfrag_readings_cut_short_total", ""] <= 2 + math.log2(intervals)
    not_read = {app: sum(value for (name, labels), value in metrics.items()
                         if name == "pyfrag_processes_not_read" and 'app="%s"' % app in labels)
                for app in ("expensive.py", "target.py")}
    assert not_read == {"expensive.py": 1, "target.py": 0}


def test_a_look_that_takes_too_long():
    """A file with a gigabyte of tables: the time allowed does not suffice to decide whether it is a
    Python."""
    with Expensive([SYMBOLS, "256", "1"]) as hostile, Target(PYTHON) as victim:
        with run_agent() as agent:
            wait_for(lambda: agent.metrics()["pyfrag_readings_cut_short_total", ""])
            check_goes_on(agent, victim)
            assert hostile.pid not in agent.processes()
    # The agent does not look at it again.
    assert agent.stderr.count("process %d (symbols): reading it %s" % (hostile.pid, TOO_LONG)) == 1


@pytest.mark.parametrize("command", [["snapshot"], ["snapshot", "--by", "owner", "--paths"],
                                     ["trace", "-d", "1"]],
                         ids=lambda command: "-".join(command))
def test_a_command_says_so(command):
    with Expensive() as hostile:
        result = run_pyfrag(*command, "-p", str(hostile.pid), *ALLOWED, check=False)
    assert result.returncode == 1
    line, = [line for line in result.stderr.decode().splitlines() if "CPU time" in line]
    assert line.startswith("pyfrag: process %d (python3.11): reading it %s" %
                           (hostile.pid, TOO_LONG))
    assert "--max-cpu" in line


@pytest.mark.parametrize("command", ["sites", "doctor"])
def test_a_scan_that_takes_too_long(command):
    """Finding Python and reading its heap takes much less than that, the scan much more."""
    with Target(PYTHON) as target:
        result = run_pyfrag(command, "-p", str(target.pid), "--no-cache", "--max-cpu", "120ms",
                            check=False)
    assert result.returncode == 1
    output = (result.stdout + result.stderr).decode()
    assert "scanning /usr/bin/python3.11 exceeds the CPU time limit (--max-cpu)" in output


def test_all_pythons_with_their_reasons():
    with Expensive() as hostile, Target(PYTHON) as victim:
        for duration in ("5", "20", "60"):  # on a busy machine it takes longer
            result = run_pyfrag("trace", "-a", "-d", duration, "-i", "1", "--budget", "100%",
                                "--match", MARK,
                                *ALLOWED)
            lines = {line.split()[0]: line for line in result.stdout.decode().splitlines()
                     if line.startswith("  ")}
            if {str(hostile.pid), str(victim.pid)} <= set(lines):
                break
    hostile_line, victim_line = (lines[str(one.pid)] for one in (hostile, victim))
    assert hostile_line.endswith("(not read: %s)" % TOO_LONG)
    assert "not read" not in victim_line and " ? " not in victim_line
