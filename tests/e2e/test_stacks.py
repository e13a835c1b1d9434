"""The stacks that pyfrag shows are those that Python itself shows."""
import json
import os

import pytest
from target import WORKLOADS, Target
from test_pinned import PIN_BLOCK, pins

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
    if program.python.version >= (3, 8):
        assert records[-1][1][0][0] == "allocate_elsewhere"
    for address, expected in records:
        site = found[address]
        assert site, expected[0]
        expected = [tuple(frame) for frame in expected]
        assert frames_of(site) == expected[:DEPTH_MAX]
        assert site["truncated"] == (len(expected) > DEPTH_MAX)
    for name in ("stacks_unreadable", "stacks_collided", "stacks_nested", "frames_unnamed"):
        assert report["counters"][name] == 0


LINES = ("often", "sometimes", "seldom")


def site_at(report, word):
    """The sites whose innermost frame is at the line of workloads.py that is marked with @word."""
    path = os.path.join(WORKLOADS, "workloads.py")
    with open(path) as source:
        line = [text.rstrip().endswith("# " + word) for text in source].index(True) + 1
    found = [site for site in report["sites"]["list"]
             if site["frames"] and site["frames"][0]["line"] == line
             and site["frames"][0]["file"].endswith("workloads.py")]
    assert len(found) == 1, (word, found)
    assert found[0]["frames"][0]["function"] == word + "_block"
    return found[0]


@pytest.mark.slow
def test_planted_pins_of_three_lines(target, start_trace):
    trace = start_trace("-p", target.pid, "-i", "100", "--mode", "full", "--sample-bytes", "0")
    target.run("pins_of_three_lines")
    target.wait_until_blocked()
    report = trace.stop()[-1]
    size = report["python"]["arena_size"]
    sites = [site_at(report, word) for word in LINES]
    found = pins(report)
    assert len(found) == 10
    for site, count in zip(sites, (6, 3, 1)):
        assert site["pinning_blocks"] == site["live_blocks"] == count
        assert site["hostage_bytes"] == count * (size - PIN_BLOCK)
        assert site["live_bytes"] == count * PIN_BLOCK and site["live_bytes_error"] == 0
    # The blocks name the same sites, and the ranking lists them in this order.
    listed = [block["site"] for arena in report["pinned"]["list"] for block in arena["blocks"]
              if block["address"] in found.values()]
    assert [listed.count(site["id"]) for site in sites] == [6, 3, 1]
    hostage = [site["hostage_bytes"] for site in report["sites"]["list"]]
    assert hostage == sorted(hostage, reverse=True)


def test_estimates_are_within_their_error(any_target, start_trace):
    """Estimates of the memory allocated at three lines, with the default sampling interval. The
    tolerance is five standard deviations, because sampling is random."""
    trace = start_trace("-p", any_target.pid, "-i", "100", "--mode", "full")
    any_target.run("much_of_three_lines")
    any_target.wait_until_blocked()
    report = trace.stop()[-1]
    assert report["sites"]["sample_bytes"] > 0
    for word, count in zip(LINES, (40000, 20000, 5000)):
        site = site_at(report, word)
        truth = count * PIN_BLOCK
        assert 0 < site["live_bytes_error"] < truth
        assert abs(site["live_bytes"] - truth) < 5 / 1.96 * site["live_bytes_error"]
        assert site["live_blocks"] == pytest.approx(site["live_bytes"] / PIN_BLOCK, abs=1)


def test_growth_is_told_in_watch_mode(any_target, start_trace):
    trace = start_trace("-p", any_target.pid, "-i", "100", "--budget", "100%")
    for _ in range(20):  # the budget grows with the target's own work
        any_target.ask("drop")
        any_target.run("much_of_three_lines")
    any_target.wait_until_blocked()
    report = trace.stop()[-1]
    assert not report["sites"]["blocks_known"]
    often, seldom = site_at(report, "often"), site_at(report, "seldom")
    assert often["pools_taken"] > seldom["pools_taken"] > 0
    assert often["pools_held"] > 0 and often["arenas_taken"] > 0
    pools = sum(site["pools_taken"] for site in report["sites"]["list"])
    assert pools + report["sites"]["unknown"]["pools_taken"] == report["tracing"]["new_pools"]


def test_without_stacks(any_target, start_trace):
    trace = start_trace("-p", any_target.pid, "--mode", "full", "--stacks", "none")
    any_target.run("json_churn")
    report = trace.stop()[-1]
    assert report["sites"] is None
