"""Mode watch: exact at each report, within the budget in between."""
import os
import time

import pytest

from conftest import check_report, run_pyfrag


def assert_is_as_read_afresh(target, report):
    target.wait_until_blocked()
    fresh = check_report(run_pyfrag("snapshot", "-p", target.pid, "--json").stdout)
    for key in ("heap", "size_classes", "fragmentation"):
        assert fresh[key] == report[key]
    for key in ("arenas", "bytes", "hostage_bytes", "live_blocks", "what_if"):
        assert fresh["pinned"][key] == report["pinned"][key]


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_ups_and_downs(target):
    for workload in ("tuples_with_survivors", "json_churn", "class_instances"):
        target.run(workload)
        target.ask("drop")
    target.wait_until_blocked()


def test_without_a_budget(python, target, start_trace):
    """Without a budget, only mapping and unmapping of arenas produce events, and the heap is still
    exact."""
    trace = start_trace("-p", target.pid, "-i", "0.2", "--budget", "0")
    for _ in range(2):
        run_ups_and_downs(target)
    reports = trace.stop()
    first, last = reports[0], reports[-1]
    tracing = last["tracing"]
    assert tracing["mode"] == "watch" and tracing["coverage"] is None
    assert tracing["allocs"] == tracing["frees"] == tracing["new_pools"] == 0
    assert tracing["arenas_mapped"] > 0 and tracing["arenas_unmapped"] > 0
    assert last["heap"]["arenas"] - first["heap"]["arenas"] == (
        tracing["arenas_mapped"] - tracing["arenas_unmapped"])
    # Python 3 counts full collections itself; in Python 2 each costs a probe hit.
    clears = tracing["freelist_clears"] if python.version[0] == 2 else 0
    assert tracing["cost"]["hits"] == (
        tracing["arenas_mapped"] + tracing["arenas_unmapped"] + clears)
    assert tracing["cost"]["budget"] == 0 and tracing["cost"]["bursts"] == 0
    assert_is_as_read_afresh(target, last)


def test_a_sleeping_target_is_not_read_again(target, start_trace):
    target.run("tuples_with_survivors", 2)
    target.wait_until_blocked()
    trace = start_trace("-p", target.pid, "-i", "0.1", "--budget", "0", "-d", "0.5")
    reports = trace.wait()
    assert not reports[0]["snapshot"]["target_slept"]
    for report in reports[1:]:
        assert report["snapshot"]["target_slept"] and report["snapshot"]["duration_ms"] == 0
        assert report["heap"] == reports[0]["heap"]
        assert report["pinned"]["list"][0]["blocks"] == reports[0]["pinned"]["list"][0]["blocks"]
    assert_is_as_read_afresh(target, reports[-1])


@pytest.mark.slow
def test_unchanged_pools_are_not_read(target, start_trace):
    """Only changed pools are read again: about a sixty-fourth, if the target does next to
    nothing."""
    target.run("tuples_with_survivors", 2)
    target.wait_until_blocked()
    trace = start_trace("-p", target.pid, "-i", "0.1", "--budget", "0")
    for _ in range(10):
        target.ask("eval 1")
        time.sleep(0.1)
    target.wait_until_blocked()
    reports = trace.stop()
    used = sum(row["pools"] for row in reports[0]["size_classes"])
    assert reports[0]["snapshot"]["unchanged_pools"] == 0
    read = [report for report in reports[1:] if not report["snapshot"]["target_slept"]]
    assert read
    for report in read:
        snapshot = report["snapshot"]
        looked_at = snapshot["unchanged_pools"] + snapshot["scrubbed_pools"]
        assert used * 0.95 < looked_at + snapshot["calm_pools"] and looked_at <= used + 8
        assert snapshot["scrubbed_pools"] <= used // 16 + 8
    assert_is_as_read_afresh(target, reports[-1])


@pytest.mark.slow
def test_a_target_that_falls_asleep_is_read_to_the_end(target, start_trace):
    """The last changes, in arenas that were being skipped, are in the report of a target that has
    gone to sleep."""
    for _ in range(3):
        target.run("tuples_with_survivors", 2)
    trace = start_trace("-p", target.pid, "-i", "0.02", "--budget", "0")
    start = cpu_seconds(target.pid)
    while cpu_seconds(target.pid) < start + 0.5:
        target.run("json_churn", 50)
    target.ask("eval [survivors.__delitem__(slice(None, None, 2)) for survivors in kept] and None")
    target.wait_until_blocked()
    time.sleep(0.2)
    reports = trace.stop()
    assert any(report["snapshot"]["calm_pools"] for report in reports)
    assert reports[-1]["snapshot"]["target_slept"]
    assert_is_as_read_afresh(target, reports[-1])


@pytest.mark.slow
def test_bursts_and_growth_within_a_budget(target, start_trace):
    trace = start_trace("-p", target.pid, "-i", "0.5", "--budget", "50%")
    start = cpu_seconds(target.pid)
    while cpu_seconds(target.pid) < start + 3:
        target.run("json_churn", 5)
        target.run("tuples_with_survivors")
        target.ask("drop")
    target.wait_until_blocked()
    last = trace.stop()[-1]
    tracing, cost = last["tracing"], last["tracing"]["cost"]
    assert tracing["new_pools"] > 0
    assert cost["bursts"] > 0 and tracing["allocs"] + tracing["frees"] > 0
    assert tracing["pools_freed"] > 0
    assert cost["hits"] >= (tracing["allocs"] + tracing["frees"] + tracing["new_pools"]
                            + tracing["pools_freed"] + tracing["arenas_mapped"] +
                            tracing["arenas_unmapped"])
    assert cost["hits"] * cost["ns_per_hit"] > 0 and cost["budget"] == 0.5
    # As pyfrag measures it; the benchmark measures the target's own clock.
    assert 0 < cost["cpu_share"] < 0.6
    assert tracing["lost"] == 0 and last["counters"]["hits_unknown_site"] == 0
    assert_is_as_read_afresh(target, last)


def test_full_mode_says_what_it_costs(any_target, start_trace):
    trace = start_trace("-p", any_target.pid, "-i", "100", "--mode", "full")
    any_target.run("json_churn", 2)
    any_target.wait_until_blocked()
    tracing = trace.stop()[-1]["tracing"]
    cost = tracing["cost"]
    assert cost["budget"] is None and cost["bursts"] == cost["ignored_hits"] == 0
    # Taking a pool is also an allocation, and costs one hit.
    assert cost["hits"] == (tracing["allocs"] + tracing["frees"] + tracing["pools_freed"]
                            + tracing["arenas_mapped"] + tracing["arenas_unmapped"])


def test_budget_and_full_mode_exclude_each_other(any_target):
    result = run_pyfrag("trace", "-p", any_target.pid, "--mode", "full", "--budget", "1%",
                        check=False)
    assert result.returncode == 1 and result.stdout == b""
    assert b"has no budget" in result.stderr and result.stderr.count(b"\n") == 1
