"""How a trace starts and ends, and that it leaves nothing behind."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from bystanders import of_this_run, wait_for
from conftest import PYFRAG, PYTHONS, check_report, run_pyfrag
from hanging import unreadable
from target import Target
from test_trace_full import assert_complete


def bpf_ids(kind):
    """The BPF objects in the kernel: programs, maps or links."""
    out = subprocess.run(["bpftool", "--json", kind, "show"], stdout=subprocess.PIPE,
                         env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin")).stdout
    return {item["id"] for item in json.loads(out)}


def bpf_ids_of(pid):
    """The BPF objects that a process holds: (kind, id)."""
    found = set()
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            if os.readlink("/proc/%d/fd/%s" % (pid, fd)).startswith("anon_inode:bpf"):
                with open("/proc/%d/fdinfo/%s" % (pid, fd)) as file:
                    found |= set(re.findall(r"^(prog|map|link)_id:\s*(\d+)$", file.read(), re.M))
    except OSError:
        pass
    return {(kind, int(number)) for kind, number in found}


def uprobe_definitions():
    try:
        with open("/sys/kernel/tracing/uprobe_events") as events:
            return events.read()
    except OSError:
        return ""


def kernel_objects():
    """All existing BPF objects and probe definitions, as one set."""
    objects = {(kind, number) for kind in ("prog", "map", "link") for number in bpf_ids(kind)}
    # Concurrent runs of these tests on this machine have BPF objects of their own.
    for pid in set(map(int, filter(str.isdigit, os.listdir("/proc")))) - of_this_run():
        objects -= bpf_ids_of(pid)
    return objects | set(uprobe_definitions().splitlines())


@pytest.fixture
def nothing_left():
    before = kernel_objects()
    yield
    # The kernel frees detached objects after a grace period; those of earlier tests may disappear
    # meanwhile.
    for _ in range(200):
        left = kernel_objects() - before
        if not left:
            return
        time.sleep(0.02)
    assert not left


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_with_a_last_report(any_target, start_trace, nothing_left, sig):
    trace = start_trace("-p", any_target.pid, "-i", "100")
    any_target.run("json_churn")
    reports = trace.stop(sig)
    assert len(reports) == 2 and reports[1]["tracing"]["allocs"] > 1000
    assert any_target.ask("eval 6 * 7") == "42"


def test_a_second_signal_ends_one_that_hangs(nothing_left):
    """Reading blocks on memory that never arrives: a process that never answers has to provide the
    page."""
    with unreadable(1) as (hanging,):
        trace = subprocess.Popen([PYFRAG, "trace", "-p", str(hanging.pid), "-i", "0.1", "--json"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for(lambda: waits_in_kernel(trace.pid)
                 and blocked_signals(trace.pid) & 1 << signal.SIGINT - 1)
        trace.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            trace.wait(timeout=1.5)
        trace.send_signal(signal.SIGINT)
        stderr = trace.communicate(timeout=20)[1].decode()
        assert trace.returncode == 1 and "second signal: stopped" in stderr
        assert stderr.count("\n") == 1
        hanging.kill()


def waits_in_kernel(pid):
    with open("/proc/%d/wchan" % pid) as file:
        return file.read() == "handle_userfault"


def blocked_signals(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^SigBlk:\s+(\w+)", file.read(), re.M).group(1), 16)


def test_duration_ends_it(any_target, trace, nothing_left):
    reports = trace(any_target.pid, "-d", "0.5", "-i", "0.2")
    assert 3 <= len(reports) <= 4
    assert [report["tracing"]["traced_for_s"] for report in reports] == sorted(
        report["tracing"]["traced_for_s"] for report in reports)


def test_target_exits(any_target, start_trace, nothing_left):
    trace = start_trace("-p", any_target.pid, "-i", "100")
    any_target.run("json_churn")
    any_target.process.stdin.close()
    reports = trace.wait()
    assert "process %d" % any_target.pid in trace.stderr and "has exited" in trace.stderr
    assert len(trace.stderr.splitlines()) == 1
    assert_complete(reports[-1]["tracing"])
    assert reports[-1]["tracing"]["frees"] > 1000
    assert reports[-1]["heap"]["resident_bytes"] is None


@pytest.mark.parametrize("mode", ["watch", "full"])
def test_target_is_killed_at_a_bad_moment(start_trace, nothing_left, mode):
    """Whenever the target dies, the trace writes a last line and no error. The heap is large, so
    reading takes long."""
    for delay in (0.0, 0.005, 0.02, 0.05, 0.1):
        with Target(PYTHONS[0]) as target:
            target.run("tuples_with_survivors", 2)
            trace = start_trace("-p", target.pid, "-i", "0.01", "--mode", mode)
            time.sleep(delay)
            target.process.kill()
            trace.wait()
            assert trace.stderr.splitlines()[-1].startswith("pyfrag: process %d" % target.pid)
            assert "has exited" in trace.stderr


def test_target_executes_another_program(any_target, start_trace, nothing_left):
    trace = start_trace("-p", any_target.pid, "-i", "100")
    any_target.run("json_churn")
    any_target.send("eval __import__('os').execvp('sleep', ['sleep', '20'])")
    reports = trace.wait()
    assert "executed another program" in trace.stderr
    assert_complete(reports[-1]["tracing"])
    any_target.process.kill()


def test_target_executes_itself(any_target, start_trace, nothing_left):
    """The target executes the same file again. Its probes are the same, but the heap is another:
    this trace ends."""
    python = any_target.python.command[-1]
    trace = start_trace("-p", any_target.pid, "-i", "100")
    any_target.run("json_churn")
    any_target.send("eval __import__('os').execv(%r, [%r, '-c', 'import json; input()'])"
                    % (python, python))
    reports = trace.wait()
    assert "executed another program" in trace.stderr
    assert_complete(reports[-1]["tracing"])
    any_target.process.kill()


FORKING = """
import os, sys
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
if os.fork() == 0:
    [[number] for number in range(1000)]
    sys.stdin.readline()
    os._exit(0)
sys.stdin.readline()
"""


def sites_in_memory(pid):
    """Addresses in the process of all alloc and free sites."""
    addresses = []
    out = run_pyfrag("sites", "-p", pid).stdout.decode()
    offsets = [int(match, 16) for match in
               re.findall(r"^0x[0-9a-f]+ +(0x[0-9a-f]+) +(?:alloc|free) ", out, re.M)]
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp ([0-9a-f]+) \S+ \d+ +(\S*python\S*)$",
                             line)
            if match:
                start, end, base = (int(part, 16) for part in match.groups()[:3])
                addresses += [start + offset - base for offset in offsets
                              if base <= offset < base + end - start]
    return addresses


def count_breakpoints(pid, addresses):
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        return sum(os.pread(memory.fileno(), 1, address) == b"\xcc" for address in addresses)


def removes_all_at_once():
    """Without uprobe_multi (Linux 6.6), a breakpoint in a child is removed when it is hit."""
    return b"uprobe_multi available" in run_pyfrag("doctor", check=False).stdout


def test_forked_children_do_not_pay(start_trace, nothing_left):
    """Soon after a fork the breakpoints are still in the target, but no longer in the child."""
    with subprocess.Popen(PYTHONS[0].command + ["-c", FORKING], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        addresses = sites_in_memory(parent.pid)
        assert len(addresses) > 1 and count_breakpoints(parent.pid, addresses) == 0
        trace = start_trace("-p", parent.pid, "-i", "100")
        assert count_breakpoints(parent.pid, addresses) == len(addresses)
        parent.stdin.write(b"fork\n")
        parent.stdin.flush()
        most = 0 if removes_all_at_once() else len(addresses) - 2  # it has allocated and freed
        deadline = time.monotonic() + 20
        child = None
        while time.monotonic() < deadline:
            with open("/proc/%d/task/%d/children" % (parent.pid, parent.pid)) as children:
                child = children.read().split()
            if child and count_breakpoints(int(child[0]), addresses) <= most:
                break
            time.sleep(0.05)
        assert child and count_breakpoints(int(child[0]), addresses) <= most
        assert count_breakpoints(parent.pid, addresses) == len(addresses)
        trace.stop()
        assert count_breakpoints(parent.pid, addresses) == 0
        parent.stdin.write(b"end\nend\n")


def test_forked_children_are_counted_and_not_harmed(any_target, start_trace, nothing_left):
    code = "[__import__('json').dumps([number]) for number in range(1000)][-1]"
    fork = ("eval (lambda os, work: [(os._exit(len(work()) - 4) if pid == 0 else "
            "os.waitpid(pid, 0)[1]) for pid in [os.fork() for _ in range(1)]])"
            "(__import__('os'), lambda: %s)" % code)
    trace = start_trace("-p", any_target.pid, "-i", "100")
    for _ in range(3):
        assert any_target.ask(fork) == "[%d]" % ((5 - 4) << 8)
    any_target.run("json_churn")
    reports = trace.stop()
    assert reports[-1]["counters"]["forks_not_followed"] == 3
    assert "forked 3 times" in trace.stderr
    assert_complete(reports[-1]["tracing"])
    assert_snapshot_agrees(any_target.pid, reports[-1])


def assert_snapshot_agrees(pid, report):
    """The final report of a trace equals a snapshot of the target, which waits."""
    out = subprocess.run([PYFRAG, "snapshot", "-p", str(pid), "--json"], stdout=subprocess.PIPE,
                         check=True).stdout
    fresh = check_report(out)
    assert fresh["heap"] == report["heap"]
    assert fresh["size_classes"] == report["size_classes"]


def test_killed_pyfrag_leaves_nothing(any_target, nothing_left):
    addresses = sites_in_memory(any_target.pid)
    for _ in range(5):
        process = subprocess.Popen([PYFRAG, "trace", "-p", str(any_target.pid), "--json",
                                    "--mode", "full"], stdout=subprocess.PIPE)
        process.stdout.readline()
        any_target.send("run json_churn 2")
        assert count_breakpoints(any_target.pid, addresses) == len(addresses)
        process.kill()
        process.communicate()
        assert any_target.read() == "done"
        deadline = time.monotonic() + 20
        while count_breakpoints(any_target.pid, addresses) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert count_breakpoints(any_target.pid, addresses) == 0
    assert any_target.ask("eval 6 * 7") == "42"


def test_two_traces_of_one_target(any_target, start_trace, nothing_left):
    first = start_trace("-p", any_target.pid, "-i", "100")
    second = start_trace("-p", any_target.pid, "-i", "100")
    any_target.run("json_churn", 2)
    for reports in (first.stop(), second.stop()):
        assert_complete(reports[-1]["tracing"])
        assert reports[-1]["tracing"]["allocs"] > 1000


def test_command_is_traced_from_its_first_allocation(python):
    if python.root:
        pytest.skip("a command of another root")
    code = "import json; kept = [json.dumps(i) for i in range(5000)]"
    result = subprocess.run([PYFRAG, "trace", "--json", "-i", "0.05", "--mode", "full", "--"] +
                            python.command
                            + ["-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            timeout=60)
    reports = [check_report(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0 and len(reports) >= 2, result.stderr
    last = reports[-1]["tracing"]
    assert_complete(last)
    assert last["arenas_mapped"] >= 1
    # Traced from the first allocation on: every live block was seen being allocated.
    assert reports[-1]["heap"]["live_blocks"] == last["allocs"] - last["frees"]


def test_command_keeps_its_terminal_and_its_status(tmp_path):
    script = tmp_path / "wrapper"
    # It runs long enough to be found, even if pyfrag has to wait for a processor.
    script.write_text("#!/bin/sh\nexec %s -c 'import time; time.sleep(0.5); print(input())'\n"
                      % PYTHONS[0].command[-1])
    script.chmod(0o755)
    result = subprocess.run([PYFRAG, "trace", "--json", "--", str(script)], input=b"hello\n",
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode == 0 and b"hello\n" in result.stdout, result.stderr


def test_lost_events_are_counted_and_healed(any_target, start_trace):
    """pyfrag is stopped until the ring buffer overflows; the next checkpoint corrects the model."""
    trace = start_trace("-p", any_target.pid, "-i", "100")
    trace.process.send_signal(signal.SIGSTOP)
    any_target.run("json_churn", 60)
    any_target.run("class_instances", 40)
    trace.process.send_signal(signal.SIGCONT)
    reports = trace.stop()
    last = reports[-1]["tracing"]
    assert last["lost"] > 0
    assert last["resyncs"] == 1 and last["drift_blocks"] > 0 and last["coverage"] < 1
    assert_snapshot_agrees(any_target.pid, reports[-1])
