"""Stacks, as pyfrag shows them, are those that Python itself shows."""
import json

import pytest
from target import Target

DEPTH_MAX = 127


@pytest.fixture
def program(python):
    with Target(python, script="allocating_stacks.py") as target:
        yield target


def sites_of_blocks(report):
    sites = {site["id"]: site for site in report["sites"]["list"]}
    return {int(block["address"], 16): sites.get(block["site"])
            for arena in report["pinned"]["list"] for block in arena["blocks"]}


def frames_of(site):
    return [(frame["function"], frame["file"], frame["line"]) for frame in site["frames"]]


def test_stacks_are_as_python_says(program, start_trace):
    trace = start_trace("-p", program.pid, "-i", "100", "--mode", "full", "--sample-bytes", "0",
                        "--below", "100%", "--blocks", "1000000")
    records = json.loads(program.ask("go"))
    program.wait_until_blocked()
    report = trace.stop()[-1]
    assert report["tracing"]["coverage"] == 1
    assert report["sites"]["sample_bytes"] == 0 and report["sites"]["blocks_known"]
    found = sites_of_blocks(report)
    assert len(records) > 30
    for address, expected in records:
        site = found[address]
        assert site, expected[0]
        expected = [tuple(frame) for frame in expected]
        assert frames_of(site) == expected[:DEPTH_MAX]
        assert site["truncated"] == (len(expected) > DEPTH_MAX)
    for name in ("stacks_unreadable", "stacks_collided", "stacks_nested", "frames_unnamed"):
        assert report["counters"][name] == 0
