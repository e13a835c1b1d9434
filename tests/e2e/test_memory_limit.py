"""The default of --max-memory follows the memory limit of pyfrag's cgroup."""
import os
import sys

import pytest
from conftest import TOP
from test_agent import start_agent  # noqa: F401, a fixture

sys.path.insert(0, TOP + "/tests/hostile")

import jail  # noqa: E402

LIMIT = "pyfrag_memory_limit_bytes", ""


@pytest.fixture
def small():
    """A cgroup of 256 MiB."""
    found = jail.find()
    if not found:
        pytest.skip("cannot make a cgroup with a memory limit here")
    made = jail.Jail(*found, "pyfrag-limit-%d" % os.getpid()).make(256 * jail.MIB)
    yield made
    made.remove()


def test_the_default_is_half_of_what_the_cgroup_allows(small, start_agent):  # noqa: F811
    agent = start_agent("--match", "nobody", wrapper=small.wrapper())
    assert agent.metrics()[LIMIT] == 128 * jail.MIB
    assert agent.stop() == 0


def test_what_is_asked_for_is_what_counts(small, start_agent):  # noqa: F811
    agent = start_agent("--match", "nobody", "--max-memory", "200MiB", wrapper=small.wrapper())
    assert agent.metrics()[LIMIT] == 200 * jail.MIB
    assert agent.stop() == 0
