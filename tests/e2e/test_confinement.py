"""What the processes of an agent may do, and may not."""
import os
import re
import signal

import pytest
from test_agent import start_agent, wait_for  # noqa: F401 (a fixture)

# Numbers of linux/capability.h.
DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF, CHECKPOINT_RESTORE = 2, 19, 38, 39, 40
READS = {DAC_READ_SEARCH, SYS_PTRACE, CHECKPOINT_RESTORE}


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def status_of(pid, thread):
    with open("/proc/%d/task/%s/status" % (pid, thread)) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def is_running(pid):
    try:
        return status_of(pid, pid)["State"][0] != "Z"
    except FileNotFoundError:
        return False


def parts_of(agent):
    """The pids of its processes by their names."""
    found, waiting = {"server": agent.process.pid}, [agent.process.pid]
    while waiting:
        for pid in children_of(waiting.pop()):
            with open("/proc/%d/comm" % pid) as file:
                found[file.read().strip().replace("pyfrag-", "")] = pid
            waiting.append(pid)
    return found


def capabilities(mask):
    return {number for number in range(64) if int(mask, 16) >> number & 1}


@pytest.mark.parametrize("args, more", [
    ([], set()),
    (["--sites", "1"], {BPF, PERFMON}),
    (["--alert-to", "exec:true", "--alert-to", "http://127.0.0.1:9"], set()),
], ids=["plain", "sites", "alerts"])
def test_each_process_has_what_it_takes(start_agent, any_target, args, more):  # noqa: F811
    agent = start_agent("--match", "target.py", *args)
    wait_for(lambda: any_target.pid in agent.processes())
    expected = {"server": set(), "broker": {DAC_READ_SEARCH}, "reader": READS | more}
    if "exec:true" in args:
        expected["runner"] = set()
    if "--sites" in args:
        expected["keeper"] = set()
    parts = parts_of(agent)
    assert set(parts) == set(expected)
    for name, pid in parts.items():
        for thread in os.listdir("/proc/%d/task" % pid):
            status = status_of(pid, thread)
            # The bounding set of the kernel's own idea of all capabilities.
            assert capabilities(status["CapEff"]) == expected[name], name
            assert capabilities(status["CapPrm"]) == expected[name], name
            assert capabilities(status["CapBnd"]) == expected[name], name
            assert capabilities(status["CapInh"]) == capabilities(status["CapAmb"]) == set(), name
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", name
    assert agent.metrics()["pyfrag_read_errors_total", ""] == 0
    assert agent.stop() == 0
    wait_for(lambda: not any(is_running(pid) for pid in parts.values()))


@pytest.mark.parametrize("name", ["server", "broker", "reader", "runner"])
def test_all_end_when_one_does(start_agent, name):  # noqa: F811
    agent = start_agent("--match", "nobody", "--alert-to", "exec:true")
    parts = parts_of(agent)
    os.kill(parts[name], signal.SIGKILL)
    status = agent.process.wait(timeout=10)
    wait_for(lambda: not any(is_running(pid) for pid in parts.values()))
    said = agent.process.stderr.read().decode()
    if name == "server":
        assert status == -signal.SIGKILL
    else:
        assert status == 1
        assert re.fullmatch(r"pyfrag: the %s was ended by signal 9 \(Killed\); the agent ends\n" % name, said)
