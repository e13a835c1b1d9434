"""A Python whose first thread has ended while others run. Its pid names a zombie without memory;
pyfrag reads it like any other, through a thread that is alive."""
import re
import subprocess

import pytest
from bystanders import wait_for
from conftest import PYTHONS, run_pyfrag
from target import MARK, Target
from test_agent import Agent, of_targets
from test_census import COUNT, census, plant, rows_of
from test_snapshot_oracle import assert_equal_to_stats
from test_trace_full import assert_complete

HAVE_CTYPES = [python for python in PYTHONS
               if not subprocess.run(python.command + ["-c", "import ctypes"],
                                     stderr=subprocess.DEVNULL).returncode]


@pytest.fixture(params=["pthread_exit", "exit"])
def how(request):
    return request.param


@pytest.fixture
def headless(python):
    """A target whose first thread has ended."""
    if python not in HAVE_CTYPES:
        pytest.skip("%r has no ctypes, which ends the first thread" % python)
    with Target(python) as target:
        target.run("class_instances", 3)
        target.run("tuples_with_survivors")
        target.end_first_thread("pthread_exit")
        with open("/proc/%d/maps" % target.pid) as maps:
            try:
                assert not maps.read()
            except ProcessLookupError:
                pass
        yield target


def test_snapshot_is_what_its_allocator_says(headless, snapshot):
    (report, again), stats = headless.heap_oracle(
        lambda: (snapshot(headless.pid), snapshot(headless.pid, "--pause")))
    assert report["python"]["version"].rstrip("+") == headless.python.version_text
    assert_equal_to_stats(report, stats)
    assert again["heap"] == report["heap"]


def test_what_is_in_it(headless, snapshot):
    plant(headless)
    rows = rows_of(census(snapshot, headless))
    assert rows["object", "census_oracle.Plain", None]["blocks"] == COUNT
    assert rows["object", "census_oracle.Slotted", None]["blocks"] == COUNT
    with open("/proc/%d/task/%d/smaps_rollup" % (headless.pid, headless.living_thread())) as smaps:
        rss = int(re.search(r"\nRss: +(\d+) kB", smaps.read()).group(1)) * 1024
    report = snapshot(headless.pid, "--paths")
    assert report["memory"]["resident_bytes"] == pytest.approx(rss, rel=0.05)
    assert report["counters"]["roots_refused"] == 0


def test_the_agent_finds_it(how):
    with Target(HAVE_CTYPES[0]) as target:
        target.end_first_thread(how)
        agent = Agent("--match", MARK)
        try:
            wait_for(lambda: target.pid in agent.processes())
        finally:
            assert agent.stop() == 0, agent.stderr


def test_the_agent_keeps_it():
    """The agent has found the process before its first thread ends."""
    with Target(HAVE_CTYPES[0]) as target:
        agent = Agent("--match", MARK)
        try:
            wait_for(lambda: target.pid in agent.processes())
            target.end_first_thread("exit")
            before = of_targets(agent.metrics(), "pyfrag_arena_bytes")
            target.run("tuples_with_survivors")
            wait_for(lambda: of_targets(agent.metrics(), "pyfrag_arena_bytes") > before)
        finally:
            assert agent.stop() == 0, agent.stderr


def test_it_cannot_be_probed():
    with Target(HAVE_CTYPES[0]) as target:
        target.end_first_thread("exit")
        result = run_pyfrag("trace", "-p", target.pid, "--mode", "full", "-d", "1", check=False)
    assert result.returncode == 1
    assert result.stdout == b""
    assert re.fullmatch(r"pyfrag: cannot probe process %d: its first thread has ended,.*\n" %
                        target.pid,
                        result.stderr.decode())


def test_a_trace_goes_on(start_trace, how):
    with Target(HAVE_CTYPES[0]) as target:
        trace = start_trace("-p", target.pid, "-i", "60")
        target.run("json_churn")
        target.end_first_thread(how)
        target.run("json_churn", 2)
        last = trace.stop()[-1]["tracing"]
    assert_complete(last)
    assert last["allocs"] > 30000
