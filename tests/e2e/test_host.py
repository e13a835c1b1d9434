"""Every Python on the host at once: processes are found when they start, read, and forgotten when
they exit."""
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import PYFRAG, PYTHONS, check_report, run_pyfrag
from target import MARK, WORKLOADS, Target


class All:
    """A `pyfrag trace -a` that runs beside the test; the latest report of each process by pid."""

    def __init__(self, *args, interval="0.5"):
        self.process = subprocess.Popen(
            [PYFRAG, "trace", "-a", "--json", "-i", interval, "--blocks", "0"] + list(args),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.seen, self.lock = {}, threading.Lock()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            report = check_report(line)
            with self.lock:
                self.seen[report["process"]["pid"]] = (time.monotonic(), report)

    def wait_for(self, condition, seconds=10):
        """Waits until @condition holds for the reports by pid (those of the last seconds)."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.lock:
                now = {pid: report for pid, (when, report) in self.seen.items()
                       if time.monotonic() - when < 1.5}
            if condition(now):
                return now
            time.sleep(0.05)
        raise AssertionError("it did not come: %r" % sorted(now))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=5)
        self.thread.join()
        self.stderr = self.process.stderr.read().decode()
        return self.process.returncode


@pytest.fixture
def watch_all():
    running = []

    def start(*args, **kwargs):
        running.append(All(*args, **kwargs))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.stop()


def test_all_pythons_now_and_later(watch_all, snapshot):
    first = [Target(python) for python in PYTHONS]
    every = watch_all()
    try:
        every.wait_for(lambda now: all(target.pid in now for target in first))
        later = Target(PYTHONS[0])
        now = every.wait_for(lambda now: later.pid in now)
        for target in first + [later]:
            target.wait_until_blocked()
            expected = snapshot(target.pid, "--blocks", "0")
            # A reading may have started before the target was idle.
            every.wait_for(lambda now: now[target.pid]["heap"] == expected["heap"]
                           if target.pid in now
                           else False)
            assert now[target.pid]["python"] == expected["python"]
        later.close()
        every.wait_for(lambda now: later.pid not in now)
    finally:
        for target in first:
            target.close()
    assert every.stop() == 0, every.stderr


def test_filters(watch_all):
    with Target(PYTHONS[0]) as one, Target(PYTHONS[-1]) as other:
        for args in (["--match", "target[.]py"],
                     ["--comm", open("/proc/%d/comm" % one.pid).read().strip()],
                     ["--user", "root"]):
            every = watch_all(*args)
            every.wait_for(lambda now: one.pid in now)
            assert every.stop() == 0
        every = watch_all("--match", "no such command line", "-d", "2")
        every.process.wait(timeout=10)
        assert one.pid not in every.seen and other.pid not in every.seen
    result = run_pyfrag("trace", "-a", "--match", "(", check=False)
    assert result.returncode == 1 and b"not a regular expression" in result.stderr
    for pattern, is_refused in ((r"(a*)*\1", True), (r"\\\\\1", True), (r"\\\\1[.]\.", False)):
        result = run_pyfrag("trace", "-a", "--match", pattern, "-d", "0.1", check=False)
        assert (result.returncode == 1
                and b"back-reference" in result.stderr) == is_refused, pattern


def test_forked_children_share_with_their_parent():
    process = subprocess.Popen([sys.executable, WORKLOADS + "/forking.py", MARK],
                               stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    parent = int(process.stdout.readline().split()[1])
    same, grown = (int(pid) for pid in process.stdout.readline().split())
    time.sleep(1)  # the second one fills its heap
    try:
        table = run_pyfrag("trace", "-a", "-d", "1.5", "--match", MARK).stdout.decode()
    finally:
        process.communicate(b"\n")
    rows = {}
    for line in table.split("\n\n")[-2].splitlines():
        match = re.match(r" +(\d+) \S+ +\S+ +([\d.]+) MiB +([\d.]+) MiB .* ([\d.]+) MiB +\S", line)
        if match:
            rows[int(match.group(1))] = [float(part) for part in match.groups()[1:]]
    assert set(rows) == {parent, same, grown}
    assert rows[grown][0] > rows[same][0] + 20
    # The children have not written to most of the memory that existed at the fork.
    for pid in rows:
        assert rows[pid][2] > 0.5 * rows[same][0], rows


def test_another_program_is_another_process(watch_all):
    every = watch_all()
    process = subprocess.Popen(
        [sys.executable, "-c", "import os, sys, time; sys.stdin.readline(); os.execvp('sleep', "
                               "['sleep', '20'])"],
        stdin=subprocess.PIPE)
    try:
        every.wait_for(lambda now: process.pid in now)
        process.stdin.write(b"\n")
        process.stdin.close()
        every.wait_for(lambda now: process.pid not in now)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert every.stop() == 0


def test_short_lived_processes_cost_little(watch_all):
    every = watch_all("--comm", "nobody")
    time.sleep(1)

    def own():
        with open("/proc/%d/stat" % every.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21])

    cpu_before, pages_before = own()
    start = time.monotonic()
    for _ in range(1000):
        subprocess.run(["/bin/true"], check=True)
    seconds = time.monotonic() - start
    time.sleep(1)
    cpu, pages = own()
    assert cpu - cpu_before < 0.1 * seconds
    assert pages - pages_before < 1024
    assert every.stop() == 0


def test_in_a_pid_namespace_of_its_own(tmp_path):
    """Pids are those of pyfrag's own pid namespace, also those that BPF reports."""
    script = tmp_path / "script"
    script.write_text("""
mount -t proc proc /proc
%s trace -a -i 0.3 -d 3 --json --blocks 0 > %s/reports &
sleep 0.8
%s -c 'import time; kept = [(one,) for one in range(100000)]; time.sleep(3)' &
echo $!
wait
""" % (PYFRAG, tmp_path, sys.executable))
    with Target(PYTHONS[0]):  # outside the namespace
        told = subprocess.run(["unshare", "--pid", "--fork", "--mount", "sh", str(script)],
                              stdout=subprocess.PIPE,
                              timeout=30, check=True)
    reports = [check_report(line) for line in (tmp_path / "reports").read_bytes().splitlines()]
    assert {report["process"]["pid"] for report in reports} == {int(told.stdout)}
    assert reports[-1]["heap"]["live_blocks"] > 100000


def test_alerts(any_target):
    def run(*rules, args=("-p", any_target.pid, "--budget", "0")):
        options = [word for rule in rules for word in ("--alert", rule)]
        return run_pyfrag("trace", *args, "-i", "0.2", "-d", "1.2", *options, check=False)

    any_target.run("tuples_with_survivors")
    any_target.wait_until_blocked()
    quiet = run("pinned_bytes > 100GiB", "fragmentation < 1%")
    assert quiet.returncode == 0 and b"alert" not in quiet.stderr
    loud = run("pinned_arenas > 0", "hostage_bytes > 1MiB for 0.5s", "fragmentation > 10%",
               "pinned_bytes > 1GiB")
    assert loud.returncode == 2
    fired = [line for line in loud.stderr.decode().splitlines() if "alert firing" in line]
    assert len(fired) == 3 and all("process %d" % any_target.pid in line for line in fired)
    # The condition has not held for long enough.
    assert run("pinned_arenas > 0 for 1h").returncode == 0
    everywhere = run("pinned_arenas > 0", args=("-a", "--match", MARK))
    assert everywhere.returncode == 2 and b"process %d" % any_target.pid in everywhere.stderr
    for wrong in ("", "pinned_bytes", "pinned_bytes >", "pinned_bytes = 1", "nothing > 1",
                  "pinned_bytes > x",
                  "fragmentation > 2", "pinned_bytes > 1 for", "pinned_bytes > 1 for ever"):
        result = run(wrong)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1, wrong


def test_an_alert_is_over(any_target):
    trace = subprocess.Popen(
        [PYFRAG, "trace", "-a", "--match", MARK, "-i", "0.3",
         "--json", "--alert", "arena_bytes > 10MiB"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    any_target.run("tuples_with_survivors", 5)
    assert b"alert firing" in trace.stderr.readline()
    any_target.ask("drop")
    assert b"alert resolved" in trace.stderr.readline()
    trace.terminate()
    assert trace.wait(timeout=5) == 2


def test_a_prefork_server_that_recycles_its_workers(watch_all):
    server = subprocess.Popen([sys.executable, WORKLOADS + "/prefork.py", "8", MARK],
                              stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    parent = int(server.stdout.readline().split()[1])

    def ask(word):
        server.stdin.write(word.encode() + b"\n")
        server.stdin.flush()
        return {int(pid) for pid in server.stdout.readline().split()}

    every = watch_all("--match", MARK)
    try:
        first = ask("pids")
        every.wait_for(lambda now: set(now) == first | {parent})
        for _ in range(4):
            ask("work")
        last = ask("pids")
        assert len(last) == 8 and len(last - first) >= 4
        every.wait_for(lambda now: set(now) == last | {parent})
        assert ask("pids") == last
    finally:
        server.stdin.close()
        server.wait()
    every.wait_for(lambda now: not now)
    assert every.stop() == 0, every.stderr


def test_trees_of_other_releases_in_namespaces_of_their_own(watch_all):
    others = [python for python in PYTHONS if python.root][:2]
    if not others:
        pytest.skip("needs root file systems of other releases: set PYFRAG_TEST_ROOTS")
    running = []
    try:
        for python in others:
            process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--mount-proc"] + python.command +
                ["-c", "import sys; kept = [(n, n) for n in range(50000)]; "
                       "sys.stdin.read()  # elsewhere"],
                stdin=subprocess.PIPE)
            running.append(process)
        every = watch_all("--match", "# elsewhere")
        versions = sorted("%d.%d" % python.version[:2] for python in others)
        every.wait_for(lambda now: sorted(
            ".".join(report["python"]["version"].split(".")[:2]) for report in now.values()) ==
                       versions)
        assert every.stop() == 0
    finally:
        for process in running:
            process.stdin.close()
            process.wait()


def test_uwsgi(watch_all, tmp_path):
    if not os.path.exists("/usr/lib/uwsgi/plugins/python3_plugin.so"):
        pytest.skip("needs uWSGI: apt-get install uwsgi-core uwsgi-plugin-python3")
    (tmp_path / "app.py").write_text(
        "kept = [(n, str(n)) for n in range(50000)]\n"
        "def application(environment, start):\n    start('200 OK', [])\n    return [b'ok']\n")
    server = subprocess.Popen(
        ["uwsgi_python3" if os.path.exists("/usr/bin/uwsgi_python3") else "uwsgi-core",
         "--plugin", "python3",
         "--socket", "%s/socket" % tmp_path, "--chdir", str(tmp_path), "--module", "app",
         "--master",
         "--processes", "2", "--die-on-term"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        every = watch_all("--match", "die-on-term")
        now = every.wait_for(lambda now: len(now) == 3, 20)
        assert all(report["heap"]["live_blocks"] > 50000 for report in now.values())
        assert every.stop() == 0
    finally:
        server.terminate()
        server.wait()
