"""Whenever pyfrag is killed, its keeper removes the probes from the target."""
import os
import signal
import subprocess
import time
import uuid

import pytest

from bystanders import children_of, keeper_capabilities, name_of, wait_for
from conftest import PYFRAG, check_report
from target import MARK
from test_agent import PROBING, has_breakpoints, start_agent  # noqa: F401
from test_lifecycle import count_breakpoints, nothing_left, sites_in_memory  # noqa: F401

KILLS = int(os.environ.get("PYFRAG_TEST_KILLS", "5"))


class Probing:
    """A trace of a target, and the processes of which it consists."""

    def __init__(self, target, *options):
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [PYFRAG, "trace", "-p", str(target.pid), "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ, PYFRAG_TEST=self.mark))

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def others(self):
        """The other processes that it has started, by pid."""
        found = {}
        for pid in os.listdir("/proc"):
            try:
                with open("/proc/%s/environ" % pid, "rb") as environ, \
                        open("/proc/%s/comm" % pid) as comm:
                    if self.mark.encode() in environ.read() and int(pid) != self.process.pid:
                        found[int(pid)] = comm.read().strip()
            except (OSError, ValueError):
                pass
        return found


def wait_for_change(pid, address, until):
    """Busy-waits until there is a breakpoint at @address, or none."""
    deadline = time.monotonic() + 20
    while count_breakpoints(pid, [address]) != until:
        assert time.monotonic() < deadline


@pytest.fixture
def first_in_line():
    """Gives the test a real-time priority; the processes that it starts do not inherit it."""
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.mark.parametrize("moment", ["attaching", "detaching"])
def test_killed_while_probes_come_and_go(any_target, nothing_left,  # noqa: F811
                                         first_in_line, moment):
    """The kernel changes one site after another: pyfrag is killed when the first has changed, and
    the last has not."""
    pid = any_target.pid
    addresses = sites_in_memory(pid)
    left = []
    while len(left) < KILLS:
        trace = Probing(any_target, "--mode", "full")
        wait_for_change(pid, addresses[0], True)
        if moment == "detaching":
            trace.process.stdout.readline()
            trace.process.send_signal(signal.SIGINT)
            wait_for_change(pid, addresses[0], False)
        in_time = count_breakpoints(pid, addresses[-1:]) == (moment == "detaching")
        trace.kill()
        wait_for(lambda: not trace.others())
        if in_time:
            left.append(count_breakpoints(pid, addresses))
    assert not any(left), left
    assert not has_breakpoints(pid)
    assert any_target.ask("eval 6 * 7") == "42"


def test_keepers_have_nothing_but_a_socket(any_target, nothing_left):  # noqa: F811
    capabilities = sum(1 << number for number in keeper_capabilities())
    held = {"/dev/null", "anon_inode:bpf_link", "anon_inode:[perf_event]",
            "/sys/kernel/tracing/uprobe_events"}
    trace = Probing(any_target, "--mode", "full", "-i", "100")
    trace.process.stdout.readline()
    # One is the template that the others are forked from, one holds the probes.
    assert list(trace.others().values()) == ["pyfrag-keeper"] * 2
    for pid in trace.others():
        with open("/proc/%d/status" % pid) as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == capabilities
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"] == "1" and os.getsid(pid) != os.getsid(trace.process.pid)
        opened = [os.readlink("/proc/%d/fd/%s" % (pid, fd))
                  for fd in os.listdir("/proc/%d/fd" % pid)]
        rest = [name for name in opened if name not in held]
        assert len(rest) == 1 and rest[0].startswith("socket:"), opened
        # Signals that end a terminal's or a service's processes must not end it.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(pid, number)
    assert len(trace.others()) == 2
    any_target.run("json_churn")
    trace.process.send_signal(signal.SIGINT)
    out, said = trace.process.communicate(timeout=20)
    last = check_report(out.splitlines()[-1])["tracing"]
    assert trace.process.returncode == 0 and last["allocs"] > 1000 and last["coverage"] == 1, said
    wait_for(lambda: not trace.others())


@pytest.mark.parametrize("options", [("--mode", "full"), ("--budget", "5%")])
def test_keeper_is_killed(any_target, nothing_left, options):  # noqa: F811
    """The trace ends, and says why in one line."""
    trace = Probing(any_target, *options, "-i", "100")
    trace.process.stdout.readline()
    for pid in trace.others():
        os.kill(pid, signal.SIGKILL)
    _, said = trace.process.communicate(timeout=20)
    assert trace.process.returncode == 1 and said.count(b"\n") == 1, said
    assert b"pyfrag-keeper" in said, said
    wait_for(lambda: not has_breakpoints(any_target.pid))
    assert any_target.ask("eval 6 * 7") == "42"


def test_agent_probes_again_when_a_keeper_was_killed(start_agent, any_target):  # noqa: F811
    agent = start_agent(*PROBING)
    reader, = (pid for pid in children_of(agent.process.pid) if name_of(pid) == "pyfrag-reader")
    first, = children_of(reader)
    any_target.run("tuples_with_survivors")
    wait_for(lambda: has_breakpoints(any_target.pid))
    any_target.run("tuples_with_survivors")
    wait_for(lambda: "pyfrag_site_pools" in {name for name, _ in agent.metrics()})
    keeper, = children_of(first)
    os.kill(keeper, signal.SIGKILL)
    assert b"pyfrag-keeper" in agent.process.stderr.readline()
    wait_for(lambda: len(children_of(first)) == 1 and keeper not in children_of(first))
    wait_for(lambda: has_breakpoints(any_target.pid))
    any_target.ask("drop")
    wait_for(lambda: "pyfrag_site_pools" not in {name for name, _ in agent.metrics()})
    any_target.run("tuples_with_survivors")
    wait_for(lambda: "pyfrag_site_pools" in {name for name, _ in agent.metrics()})
    # Without the template keeper the agent says why it cannot probe, and continues.
    keeper, = children_of(first)
    os.kill(first, signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    said = agent.process.stderr.readline(), agent.process.stderr.readline()
    assert all(b"pyfrag-keeper" in line for line in said) and b"start pyfrag again" in said[1], said
    assert not has_breakpoints(any_target.pid) and agent.get("/healthz")[0] == 200
    assert agent.stop() == 0
