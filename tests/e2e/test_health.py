"""/healthz fails when the data served is old or will become old: the reader does not answer, no
heap can be read, or too many readings hang."""
import os
import re
import signal
import struct

import pytest
from bystanders import children_of, name_of, wait_for
from conftest import TOP
from hanging import unreadable
from target import MARK
from test_agent import start_agent  # noqa: F401

CLOCK_AHEAD = TOP + "/build/tests/e2e/preload/clock_ahead.so"
MINUTE = 61


class Clock:
    """Sets the clock of one process of an agent ahead; see tests/e2e/preload/clock_ahead.c."""

    def __init__(self, path):
        self.path = path
        self.set(0, 0)

    def wrapper(self):
        return ["env", "LD_PRELOAD=" + CLOCK_AHEAD, "CLOCK_AHEAD=%s" % self.path]

    def set(self, pid, seconds):
        # The file is mapped, so it is overwritten in place with one write.
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("qq", pid, seconds))


@pytest.fixture
def clock(tmp_path):
    if not os.path.exists(CLOCK_AHEAD):
        pytest.skip("needs %s: make check-e2e builds it" % CLOCK_AHEAD)
    return Clock(tmp_path / "clock")


def reader_of(agent):
    return next(pid for pid in children_of(agent.process.pid) if name_of(pid) == "pyfrag-reader")


def test_a_reader_that_does_not_answer(start_agent, clock, any_target):  # noqa: F811
    agent = start_agent("--match", MARK, wrapper=clock.wrapper())
    wait_for(lambda: any_target.pid in agent.processes())
    os.kill(reader_of(agent), signal.SIGSTOP)
    assert agent.get("/healthz") == (200, "ok\n")
    assert agent.get("/metrics")[0] == agent.get("/v1/processes")[0] == 200
    clock.set(agent.process.pid, MINUTE)
    # The reader's last answer is not served as if it were current.
    for path in ("/healthz", "/metrics", "/v1/processes"):
        assert wait_for(lambda: agent.get(path)[0] == 503), path
    os.kill(reader_of(agent), signal.SIGCONT)
    for path in ("/healthz", "/metrics", "/v1/processes"):
        wait_for(lambda: agent.get(path)[0] == 200)
    assert agent.stop() == 0


def test_heaps_that_cannot_be_read(start_agent, clock):  # noqa: F811
    """A process that can be read at first and then blocks its readers: the data about it becomes
    old."""
    with unreadable(1, later=True) as (hanging,):
        agent = start_agent("--match", MARK, wrapper=clock.wrapper())
        wait_for(lambda: "heap" in agent.processes().get(hanging.pid, {}))
        hanging.take_page_away()
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 1)
        assert agent.get("/healthz") == (200, "ok\n")
        clock.set(reader_of(agent), MINUTE)
        wait_for(lambda: agent.get("/healthz")[0] == 503)
        assert "no heap has been read for ten intervals" in agent.get("/healthz")[1]
        assert age(agent) >= MINUTE
        hanging.give_page_back()
        wait_for(lambda: agent.get("/healthz")[0] == 200)
        wait_for(lambda: age(agent) < MINUTE)
    assert agent.stop() == 0


def age(agent):
    value, = (value for (name, _), value in agent.metrics().items()
              if name == "pyfrag_reading_age_seconds")
    return value


def test_all_places_hang(start_agent):  # noqa: F811
    """Processes of root may occupy four slots, those of each other user two: three users together
    occupy all eight, and nothing more is read."""
    agent = start_agent("--match", MARK)
    with unreadable(4) as roots, unreadable(2, user=65534), unreadable(2, user=65533):
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 8, 40)
        wait_for(lambda: agent.get("/healthz")[0] == 503)
        assert "heap reads are stalled" in agent.get("/healthz")[1]
        assert agent.get("/livez") == (200, "ok\n")
        roots[0].kill()
        wait_for(lambda: agent.get("/healthz")[0] == 200)
    assert agent.stop() == 0 and agent.seconds < 2
