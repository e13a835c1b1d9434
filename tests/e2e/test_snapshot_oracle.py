"""A snapshot of an idle target equals the statistics of the target's own allocator, to the byte."""
import pytest

WORKLOADS = ["json_churn", "class_instances", "talk", "tuples_with_survivors"]


def assert_equal_to_stats(report, stats):
    heap = report["heap"]
    assert heap["arenas"] == stats.arenas
    assert heap["arena_bytes"] == stats.arena_bytes
    assert heap["live_bytes"] == stats.live_bytes
    assert heap["free_block_bytes"] == stats.free_block_bytes
    assert heap["free_pool_bytes"] == stats.free_pool_bytes
    assert heap["overhead_bytes"] == stats.overhead_bytes
    classes = {row.pop("block_size"): row for row in report["size_classes"]}
    assert classes == stats.size_classes


@pytest.mark.parametrize("workload", WORKLOADS)
def test_equals_debugmallocstats(target, snapshot, workload):
    target.run(workload, 3)
    (report, again), stats = target.heap_oracle(
        lambda: (snapshot(target.pid), snapshot(target.pid)))
    assert report["python"]["version"].rstrip("+") == target.python.version_text
    assert report["python"]["allocator"] == "pymalloc"
    assert_equal_to_stats(report, stats)
    assert report["snapshot"]["unresolved_pools"] == 0
    assert again["heap"] == report["heap"] and again["pinned"]["list"] == report["pinned"]["list"]
