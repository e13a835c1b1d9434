"""What is swapped out stays there, and is missing from reports; the rest of them is right."""
import subprocess
import time

import pytest

import swap
from bystanders import wait_for
from conftest import PYFRAG, PYTHONS, TOP, check_report
from target import MARK, Target
from test_agent import of_targets, start_agent  # noqa: F401 (a fixture)
from test_snapshot_oracle import assert_equal_to_stats

TRIES = 3
# With pools of 4 and of 16 KiB.
pythons = pytest.mark.parametrize("python", [min(PYTHONS, key=lambda python: python.version),
                                             max(PYTHONS, key=lambda python: python.version)],
                                  ids=repr)


@pytest.fixture(scope="module", autouse=True)
def swap_space(tmp_path_factory):
    with swap.space(tmp_path_factory.mktemp("swap")):
        yield


def old_kernels_snapshot(pid, *options):
    """A snapshot as before Linux 6.7, where the kernel does not search for pages itself."""
    command = [TOP + "/build/tests/e2e/without_call", "ioctl", PYFRAG, "snapshot", "-p", str(pid),
               "--json"]
    return check_report(subprocess.run(command + list(options), check=True, timeout=120,
                                       stdout=subprocess.PIPE).stdout)


def fill(target):
    """Gives it 8 MiB of live blocks, and pools that are partly used."""
    target.run("class_instances")
    target.ask("eval kept.append([['%d' % i, {}] for i in range(30000)])")


def use_a_little(target):
    """Makes the target use some pools of several size classes."""
    target.ask("eval len([['%d' % i, {i: (i,)}, 1.5 * i] for i in range(1000)])")


def leaving_it(target, look, wake=True, ranges=None):
    """Swaps out the process, all but what it then uses, and returns what @look returns, which
    leaves it so. Other processes of the host may read it at the same time."""
    for _ in range(TRIES):
        swap.swap_out(target.pid, ranges)
        if wake:
            use_a_little(target)
        target.wait_until_blocked()
        before = swap.swapped_bytes(target.pid)
        seen = look()
        after = swap.swapped_bytes(target.pid)
        if before == after:
            break
    assert before == after
    assert before > 2 << 20
    return seen


@pythons
def test_pools_are_left_out(target, snapshot):
    fill(target)
    for take, options in ((snapshot, ()), (old_kernels_snapshot, ()),
                          (snapshot, ("--by", "owner", "--paths"))):
        report = leaving_it(target, lambda: take(target.pid, *options))
        whole = snapshot(target.pid, "--swapped")
        heap, all_of_it = report["heap"], whole["heap"]
        assert heap["arenas"] == all_of_it["arenas"]
        assert 0 < heap["live_blocks"] < all_of_it["live_blocks"]
        assert 0.5 * heap["arena_bytes"] < heap["unread_bytes"] < heap["arena_bytes"]
        assert heap["unread_bytes"] == heap["unread_pools"] * report["python"]["pool_size"]
        assert heap["unread_pools"] == report["counters"]["pools_swapped"]
        assert report["snapshot"]["swapped_bytes"] >= 4096 * heap["unread_pools"]
        assert report["counters"]["pools_unreadable"] == 0
        assert all_of_it["unread_bytes"] == whole["snapshot"]["swapped_bytes"] == 0
        rows = {row["block_size"]: row for row in whole["size_classes"]}
        for row in report["size_classes"]:
            assert row["pools"] <= rows[row["block_size"]]["pools"]
            assert row["live_blocks"] <= rows[row["block_size"]]["live_blocks"]


@pythons
def test_pools_are_brought_back(target, snapshot):
    fill(target)

    def look():
        swap.swap_out(target.pid)
        before = swap.swapped_bytes(target.pid)
        return before, snapshot(target.pid, "--swapped"), swap.swapped_bytes(target.pid)

    (before, report, after), stats = target.heap_oracle(look)
    assert_equal_to_stats(report, stats)
    assert after < before


def test_chunks_are_left_out(any_target, snapshot):
    """Those behind the first that is swapped out. Large ones are passed over."""
    any_target.ask("eval __import__('malloc_oracle').fill_here(2, 2000)")
    any_target.wait_until_blocked()
    before, = snapshot(any_target.pid)["malloc"]
    (start, end), = swap.mappings(any_target.pid, "[heap]")
    middle = (start + end) // 2 & ~4095
    report = leaving_it(any_target, lambda: snapshot(any_target.pid), wake=False,
                        ranges=[(middle, end)])
    part, = report["malloc"]
    assert 0 < part["lost_bytes"] + part["top_bytes"] - (end - middle) < 1 << 20
    for what in ("in_use", "free", "fastbins", "tcache"):
        assert part[what]["bytes"] <= before[what]["bytes"]
    assert part["heap_bytes"] == before["heap_bytes"]
    assert part["mapped"] == before["mapped"]
    assert part["windows_retried"] == 0
    whole, = snapshot(any_target.pid, "--swapped")["malloc"]
    assert whole["in_use"] == before["in_use"] and whole["free"] == before["free"]
    assert whole["lost_bytes"] == 0


def test_shared_memory(any_target, snapshot):
    """Reading takes RAM there, even where nothing was ever written."""
    any_target.ask("eval kept.extend(__import__('mmap').mmap(-1, 1 << 20) for _ in range(20))")
    any_target.wait_until_blocked()
    snapshot(any_target.pid, "--by", "referrers", "--paths")
    assert swap.resident_bytes(any_target.pid, "/dev/zero (deleted)") == 0


def test_a_control_group_at_its_limit(pyfrag):
    """The kernel charges it nothing for a snapshot."""
    with Target(PYTHONS[0]) as target, swap.cgroup(target.pid) as group:
        fill(target)
        swap.swap_out(target.pid)
        use_a_little(target)
        target.wait_until_blocked()
        group.limit(group.usage() // 2)  # which frees what is still in the swap cache
        hits, usage = group.limit_hits(), group.usage()
        for options in ((), ("--by", "owner", "--paths")):
            pyfrag("snapshot", "-p", target.pid, *options)
        # The kernel counts some pages for each CPU at a time.
        assert group.limit_hits() == hits and abs(group.usage() - usage) < 1 << 20
        pyfrag("snapshot", "-p", target.pid, "--swapped")
        assert group.limit_hits() > hits or group.usage() > usage + (1 << 20)


def test_nothing_can_be_read(any_target, pyfrag):
    """The message names the option that helps."""
    fill(any_target)
    for options in ((), ("--by", "owner", "--paths")):
        result = leaving_it(any_target, lambda: pyfrag(
            "snapshot", "-p", any_target.pid, *options, check=False), wake=False)
        assert result.returncode == 1
        assert b"swapped out; `snapshot --swapped`" in result.stderr
    pyfrag("snapshot", "-p", any_target.pid, "--swapped")


def test_an_agent_leaves_them_out(start_agent, any_target):  # noqa: F811
    fill(any_target)

    def look():
        agent = start_agent("--match", MARK, "-i", "0.2")
        wait_for(lambda: of_targets(agent.metrics(), "pyfrag_unread_bytes") > 1 << 20)
        agent.stop()

    leaving_it(any_target, look)


def test_no_drift(any_target, start_trace):
    """Blocks that were swapped out before the trace are allocated and freed during it."""
    fill(any_target)
    swap.swap_out(any_target.pid)
    use_a_little(any_target)
    trace = start_trace("-p", any_target.pid, "-i", "0.3")
    any_target.run("json_churn")
    swap.swap_out(any_target.pid)
    time.sleep(0.4)
    assert any_target.ask("drop") == "done"
    swap.swap_out(any_target.pid)
    time.sleep(0.4)
    reports = trace.stop()
    assert any(report["heap"]["unread_pools"] for report in reports)
    for report in reports:
        tracing = report["tracing"]
        assert tracing["drift_blocks"] == tracing["missed_allocs"] == tracing["missed_frees"] == 0
        assert tracing["coverage"] == 1
