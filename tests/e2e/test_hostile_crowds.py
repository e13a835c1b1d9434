"""Users who try to exhaust the resources for finding Pythons: other users' processes are found and
read nevertheless."""
import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from bystanders import as_user, children_of, name_of, of_this_run, wait_for
from conftest import PYTHONS, TOP
from target import MARK, Target
from test_agent import Agent, start_agent  # noqa: F401

sys.path.insert(0, TOP + "/tests/hostile")

import jail  # noqa: E402

HOSTILE = os.environ.get("PYFRAG_HOSTILE", TOP + "/build/tests/hostile/programs")
CHILDREN = 80
# The limit leaves descriptors for half of the processes, and pyfrag cannot raise it.
FEW_DESCRIPTORS = ["prlimit", "--nofile=200:200"]
PLACES = (200 - 128) // 2


class Crowd:
    """Processes of an unprivileged user, or in a container. All of them exit with the first one."""

    def __init__(self, script, wrapper=None):
        self.process = subprocess.Popen(
            [*(wrapper or as_user()), sys.executable, "-uc", script], cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.communicate()


CROWD = """
import os
end = os.pipe()
for i in range(%d):
    if not os.fork():
        os.close(end[1])
        os.read(end[0], 1)
        os._exit(0)
print("ready")
os.read(0, 1)
""" % CHILDREN


def left_out(agent):
    return agent.metrics()["pyfrag_processes_left_out_total", ""]


def test_a_crowd_keeps_nobody_out():
    with Crowd(CROWD):
        agent = Agent("--budget", "100%", "--max-memory", "64MiB", wrapper=FEW_DESCRIPTORS)
        try:
            wait_for(lambda: left_out(agent) and len(agent.processes()) == PLACES)
            with Target(PYTHONS[0]) as victim:
                wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
                assert len(agent.processes()) == PLACES
                assert not agent.metrics()["pyfrag_read_errors_total", ""]
        finally:
            agent.stop()


@pytest.fixture
def container():
    """Makes the cgroup of a container; yields its name."""
    place = jail.unified()
    if not place:
        pytest.skip("needs a mounted cgroup version 2 hierarchy")
    path = place + "/docker/" + "%064x" % os.getpid()
    os.makedirs(path)
    yield path

    def remove():
        with contextlib.suppress(OSError):
            os.rmdir(path)
        return not os.path.exists(path)

    wait_for(remove)  # the last processes of a crowd may still be exiting
    with contextlib.suppress(OSError):
        os.rmdir(place + "/docker")


def enter(container):
    """A command prefix that runs the command as root in that cgroup."""
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', container]


def test_a_crowd_of_a_containers_root_keeps_nobody_out(container):
    """All processes run as root. The agent then counts a container as a user, and root outside of
    the container as another."""
    with Crowd(CROWD, enter(container)):
        agent = Agent("--budget", "100%", "--max-memory", "64MiB", wrapper=FEW_DESCRIPTORS)
        try:
            wait_for(lambda: left_out(agent) and len(agent.processes()) == PLACES)
            with Target(PYTHONS[0]) as victim:
                wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
        finally:
            agent.stop()


@pytest.mark.parametrize("who", ["user", "container"])
def test_looks_that_take_long_are_within_the_budget(who, request):
    """Looking at one of these processes takes longer than the budget for minutes allows. Only their
    user, or the container if they run as its root, has to wait for that."""
    wrapper = as_user() if who == "user" else enter(request.getfixturevalue("container"))
    attack = subprocess.Popen([*wrapper, HOSTILE + "/symbols", "256", "20"], cwd="/",
                              stdout=subprocess.PIPE)
    assert attack.stdout.readline().startswith(b"ready")
    agent = Agent("--budget", "2%")
    try:
        wait_for(lambda: agent.metrics()["pyfrag_readings_held_back_total", ""] > 0 and
                 not agent.metrics()["pyfrag_readings_hanging", ""])
        taken = agent.metrics()["pyfrag_reading_cpu_seconds_total", ""]
        with Target(PYTHONS[0]) as victim:
            wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
            readings = agent.metrics()["pyfrag_readings_total", ""]
            wait_for(lambda: agent.metrics()["pyfrag_readings_total", ""] >= readings + 5)
        metrics = agent.metrics()
        assert metrics["pyfrag_reading_cpu_seconds_total",
                       ""] - taken < taken / metrics["pyfrag_readings_late_total", ""]
    finally:
        agent.stop()
        attack.kill()
        attack.communicate()


@contextlib.contextmanager
def silent_files(kind, manner, user, cnt):
    """Starts Pythons that have a page from a file server that does not answer; see
    tests/hostile/programs/fuse.py."""
    if not os.path.exists("/dev/fuse"):
        pytest.skip("needs FUSE")
    running = []
    try:
        for _ in range(cnt):
            running.append(subprocess.Popen(
                [sys.executable, TOP + "/tests/hostile/programs/fuse.py", kind, manner, str(user)],
                cwd="/", stdout=subprocess.PIPE, start_new_session=True))
            ready = running[-1].stdout.readline().split()
            assert ready[0] == b"ready"
            running[-1].pid_of_trap = int(ready[1])
        yield running
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def hanging(agent):
    return agent.metrics()["pyfrag_readings_hanging", ""]


@pytest.fixture
def greedy_agent(start_agent):  # noqa: F811
    """An agent that postpones nothing because of the time spent on other processes."""
    return lambda: start_agent("--budget", "100%")


@pytest.mark.parametrize("kind", ["code", "heap", "exec"])
def test_files_whose_server_does_not_answer(greedy_agent, kind):
    """The first looks at these processes hang, or the first readings. There are more processes than
    slots, but their user may occupy only two."""
    agent = greedy_agent()
    with silent_files(kind, "leave", 60001, 10):
        wait_for(lambda: hanging(agent) >= 2)
        with subprocess.Popen([*as_user(60002), sys.executable, "-c", "input()"], cwd="/",
                              stdin=subprocess.PIPE) as victim:
            wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
            victim.communicate(b"\n")
        # Other processes on this machine may hang, too.
        assert 2 <= hanging(agent) < 8 and agent.get("/healthz")[0] == 200
        assert agent.metrics()["pyfrag_readings_held_back_total", ""] > 0 or kind == "heap"
        assert agent.stop() == 0 and agent.seconds < 3


def is_read(agent, pid):
    return "heap" in agent.processes().get(pid, {})


def test_who_becomes_another_program_while_its_reading_hangs(greedy_agent):
    agent = greedy_agent()
    others = hanging(agent)
    with silent_files("heap", "leave", 60001, 1) as running:
        trap = running[0].pid_of_trap
        wait_for(lambda: trap in agent.processes() and hanging(agent) > others)
        gone = agent.metrics()["pyfrag_pythons_gone_total", ""]
        os.kill(trap, signal.SIGUSR1)
        wait_for(lambda: agent.metrics()["pyfrag_pythons_gone_total", ""] > gone
                 and trap not in agent.processes())
        time.sleep(1.5)  # it would have been looked at by now
        assert not is_read(agent, trap)
        server = next(pid for pid in children_of(running[0].pid) if pid != trap)
        os.kill(server, signal.SIGKILL)  # then no process waits for it any more
        wait_for(lambda: is_read(agent, trap))


def end_programs(running):
    """Makes their servers stop answering, then kills them."""
    for process in running:
        process.send_signal(signal.SIGUSR1)


def test_programs_whose_server_stops_answering(greedy_agent):
    """The thread that finds all other processes releases what the agent holds of such a Python."""
    agent = greedy_agent()
    with silent_files("program", "leave", 60001, 1) as running:
        trap = running[0].pid_of_trap
        wait_for(lambda: "heap" in agent.processes().get(trap, {}))
        end_programs(running)
        wait_for(lambda: trap not in agent.processes())
        with Target(PYTHONS[0]) as victim:
            wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))


def keepers_of(pid):
    return (name_of(pid) == "pyfrag-keeper") + sum(keepers_of(child) for child in children_of(pid))


def test_probed_programs_whose_server_stops_answering(start_agent):  # noqa: F811
    """Removing the probes hangs. Per user, no more removals are started than readings."""
    # Not the servers and this process, which it might probe instead.
    agent = start_agent("--budget", "100%", "--sites", "1", "--match", "^python3 -c |" + MARK)
    with silent_files("program", "leave", 60001, 4) as running:
        wait_for(lambda: keepers_of(agent.process.pid) == 1 + 4)
        end_programs(running)
        wait_for(lambda: hanging(agent) >= 2)
        with Target(PYTHONS[0]) as victim:
            wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
        assert hanging(agent) < 4


def test_who_waits_for_a_file_for_ever(greedy_agent):
    """An agent of which a thread can never end: everything else ends, and another agent can take
    its place."""
    agent = greedy_agent()
    reader = next(pid for pid in children_of(agent.process.pid) if name_of(pid) == "pyfrag-reader")
    with silent_files("code", "keep", 60001, 3):
        wait_for(lambda: hanging(agent) >= 2)
        assert agent.stop(20) == 0 and name_of(reader) == "pyfrag-reader"
        other = greedy_agent()
        wait_for(lambda: hanging(other) >= 2)
    wait_for(lambda: reader not in of_this_run())
    assert other.stop() == 0


# One user who appears as many in a user namespace, as newuidmap(1) makes it; here root defines
# which ones.
CROWD_OF_USERS = """
import ctypes, os
end, step, mapped = os.pipe(), os.pipe(), os.pipe()
libc = ctypes.CDLL(None)
first = os.fork()
if not first:
    os.setresuid(65534, 65534, 65534)
    libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: makes /proc/PID/uid_map writable
    os.write(step[1], b"%%d" %% libc.unshare(0x10000000))
    os.read(mapped[0], 1)
    os.setresuid(0, 0, 0)
for i in range(1, %d):
    if first or os.fork():
        continue
    os.setresuid(i, i, i)
    os.close(end[1])
    os.write(step[1], b".")
    os.read(end[0], 1)
    os._exit(0)
if first:
    made = os.read(step[0], 1) == b"0"
    if made:
        with open("/proc/%%d/uid_map" %% first, "w") as file:
            file.write("0 200000 65536")
        os.write(mapped[1], b"m")
        for i in range(1, %d):
            os.read(step[0], 1)
    print("ready" if made else "no namespaces", flush=True)
os.close(end[0]) if first else os.close(end[1])
os.read(0, 1) if first else os.read(end[0], 1)
""" % (CHILDREN, CHILDREN)


def test_a_user_is_one_whatever_it_is_in_its_namespace():
    crowd = subprocess.Popen([sys.executable, "-uc", CROWD_OF_USERS], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    if crowd.stdout.readline() != b"ready\n":
        crowd.communicate()
        pytest.skip("needs user namespaces")
    agent = Agent("--budget", "100%", "--max-memory", "64MiB", wrapper=FEW_DESCRIPTORS)
    try:
        wait_for(lambda: left_out(agent) and len(agent.processes()) == PLACES)
        assert len({one["user"] for one in agent.processes().values()}) > PLACES / 2
        with Target(PYTHONS[0]) as victim:
            wait_for(lambda: "heap" in agent.processes().get(victim.pid, {}))
    finally:
        agent.stop()
        crowd.communicate()
