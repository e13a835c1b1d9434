"""With --mode full the events alone account for everything: no checkpoint ever corrects a block."""
import pytest

WORKLOADS = [
    "json_churn", "string_churn", "class_instances", "thread_churn", "cycles_and_gc",
    "growing_buffers", "regular_expressions", "subinterpreters", "talk", "tuples_with_survivors",
    "frames_and_generators", "errors",
]


def assert_complete(tracing):
    assert tracing["lost"] == 0
    assert (tracing["missed_allocs"], tracing["missed_frees"]) == (0, 0), tracing
    assert tracing["drift_blocks"] == 0 and tracing["resyncs"] == 0, tracing
    assert tracing["coverage"] == 1.0


@pytest.mark.slow
def test_model_equals_checkpoint(target, start_trace):
    trace = start_trace("-p", target.pid, "-i", "0.2")
    for workload in WORKLOADS:
        target.run(workload, 2)
    target.ask("drop")
    reports = trace.stop()
    assert len(reports) >= 3
    last = reports[-1]["tracing"]
    assert last["allocs"] > 100000 and last["frees"] > 100000
    for report in reports:
        assert_complete(report["tracing"])
    assert last["arenas_mapped"] > 0 and last["arenas_unmapped"] > 0


def test_pools_come_and_go(target, start_trace):
    """Pools in use, by memory, equal those at the start plus those taken less those released."""
    trace = start_trace("-p", target.pid, "-i", "0.2")
    for workload in WORKLOADS[:4]:
        target.run(workload, 1)
    target.ask("drop")
    first, *_, last = trace.stop()
    taken, freed = (last["tracing"][name] - first["tracing"][name]
                    for name in ("new_pools", "pools_freed"))
    assert taken > 20 and freed > 20
    assert pools_of(last) == pools_of(first) + taken - freed


def pools_of(report):
    return sum(row["pools"] for row in report["size_classes"])
