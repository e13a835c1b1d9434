"""The agent: what it serves over HTTP, and the alerts that it sends."""
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from bystanders import SYS_ADMIN, as_user, keeper_capabilities, wait_for
from conftest import PYFRAG, PYTHONS, TOP, check_report, run_pyfrag
from hanging import unreadable
from target import MARK, Target


# `make check-e2e` unpacks the daemons here. They expect files in /usr/share; a mount that only they
# see provides those.
DAEMONS = TOP + "/build/daemons"
os.environ["PATH"] += os.pathsep + DAEMONS + "/usr/bin"
WITH_SHARE = ["unshare", "--mount", "sh", "-c", "mount -t overlay overlay -o "
                                                "lowerdir=%s/usr/share:/usr/share "
              "/usr/share 2>/dev/null; exec \"$@\"" % DAEMONS, "sh"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def get(port, path, headers=None):
    request = urllib.request.Request("http://127.0.0.1:%d%s" % (port, path), headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Agent:
    def __init__(self, *args, wrapper=()):
        self.port = free_port()
        self.process = subprocess.Popen(
            [*wrapper, PYFRAG, "agent", "--listen", "127.0.0.1:%d" % self.port, "-i", "0.5", *args],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.stderr = ""  # except the line that says it listens
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise

    def wait_until_ready(self):
        line = self.process.stderr.readline().decode()
        while "listening on" not in line:
            assert line, self.stderr
            self.stderr += line
            line = self.process.stderr.readline().decode()
        wait_for(lambda: self.get("/healthz")[0] == 200)

    def end(self):
        """Kills the agent if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    def get(self, path, **headers):
        return get(self.port, path,
                   {name.replace("_", "-"): value for name, value in headers.items()})

    def processes(self):
        return {one["pid"]: one for one in json.loads(self.get("/v1/processes")[1])["processes"]}

    def metrics(self):
        """Metric values by name and labels."""
        found = {}
        for line in self.get("/metrics")[1].splitlines():
            match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match:
                found[match.group(1), match.group(2) or ""] = float(match.group(3))
        return found

    def stop(self, timeout=5):
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=timeout)
        self.seconds = time.monotonic() - start
        self.stderr += self.process.stderr.read().decode()
        return self.process.returncode


@pytest.fixture
def start_agent():
    running = []

    def start(*args, **options):
        running.append(Agent(*args, **options))
        return running[-1]

    yield start
    for agent in running:
        agent.end()


def of_targets(metrics, name):
    return sum(value for (metric, labels), value in metrics.items()
               if metric == name and 'app="target.py"' in labels)


def in_use(malloc):
    return malloc["in_use"]["bytes"] + malloc["mapped"]["bytes"]


def check_memory(agent, reports):
    """Figures of all memory come later than those of the heap: reading it takes longer."""
    wait_for(lambda: of_targets(agent.metrics(), "pyfrag_malloc_in_use_bytes") == sum(
        in_use(report["malloc"][0]) for report in reports))
    metrics = agent.metrics()
    assert of_targets(metrics, "pyfrag_malloc_trimmable_bytes") == sum(
        report["malloc"][0]["trim_releases_bytes"] for report in reports)
    assert of_targets(metrics, "pyfrag_malloc_free_bytes") > 0
    assert of_targets(metrics, "pyfrag_rss_bytes") == pytest.approx(
        sum(report["memory"]["resident_bytes"] for report in reports), rel=0.01)
    memory = agent.processes()[reports[0]["process"]["pid"]]["memory"]
    assert memory["malloc_in_use"] == in_use(reports[0]["malloc"][0])
    assert memory["unexplained"] < 0.05 * memory["rss"] and memory["age_s"] >= 0


def test_what_it_serves(start_agent, snapshot):
    agent = start_agent("--match", MARK)
    with Target(PYTHONS[0]) as one, Target(PYTHONS[-1]) as other:
        one.run("tuples_with_survivors")
        wait_for(lambda: {one.pid, other.pid} <= set(agent.processes()))
        one.wait_until_blocked()
        expected = [snapshot(target.pid) for target in (one, other)]
        wait_for(lambda: of_targets(agent.metrics(), "pyfrag_live_blocks") == sum(
            report["heap"]["live_blocks"] for report in expected))
        metrics = agent.metrics()
        for name, part, key in (("arena_bytes", "heap", "arena_bytes"),
                                ("live_bytes", "heap", "live_bytes"),
                                ("free_pool_bytes", "heap", "free_pool_bytes"),
                                ("unread_bytes", "heap", "unread_bytes"),
                                ("pinned_arenas", "pinned", "arenas"),
                                ("hostage_bytes", "pinned", "hostage_bytes")):
            assert of_targets(metrics, "pyfrag_" + name) == sum(report[part][key]
                                                                for report in expected)
        assert of_targets(metrics, "pyfrag_processes") == 2
        check_memory(agent, expected)
        status, text = agent.get("/v1/processes/%d/report" % one.pid)
        served = check_report(text)
        # Before Linux 6.7 it takes CAP_SYS_ADMIN, which the agent does not have.
        is_bound = served["heap"].pop("resident_is_upper_bound")
        assert is_bound >= expected[0]["heap"].pop("resident_is_upper_bound")
        assert status == 200 and served["heap"] == expected[0]["heap"]
        assert agent.processes()[one.pid]["pinned"]["arenas"] == expected[0]["pinned"]["arenas"]
        for path in ("/", "/nothing", "/v1/processes/1/report", "/v1/processes/x/report",
                     "/v1/processes/"):
            assert agent.get(path)[0] == 404, path
    # No time series outlives its process.
    wait_for(lambda: not of_targets(agent.metrics(), "pyfrag_processes"))
    assert agent.stop() == 0 and agent.seconds < 2


def test_its_memory_is_bounded(start_agent, snapshot):
    """The memory limit has room for one heap image, not for two. Images are evicted again and
    again, and both reports stay correct."""
    with Target(PYTHONS[0]) as one, Target(PYTHONS[-1]) as other:
        for target in (one, other):
            target.run("tuples_with_survivors")
            assert target.ask("eval kept.append([str(i) * 2 for i in range(1500000)])") == "None"
            target.wait_until_blocked()
        reports = [snapshot(target.pid) for target in (one, other)]
        agent = start_agent("--match", MARK)
        wait_for(lambda: of_targets(agent.metrics(), "pyfrag_processes") == 2)
        # What a reading takes in addition is not counted.
        wait_for(lambda: of_targets(agent.metrics(), "pyfrag_rss_bytes"))
        used = min(agent.metrics()["pyfrag_memory_accounted_bytes", ""] for _ in range(20))
        agent.stop()
        agent = start_agent("--match", MARK, "--max-memory", str(int(used)))
        wait_for(lambda: agent.metrics()["pyfrag_pictures_forgotten_total", ""] >= 2)
        wait_for(lambda: of_targets(agent.metrics(), "pyfrag_live_blocks") == sum(
            report["heap"]["live_blocks"] for report in reports))
        assert agent.metrics()["pyfrag_memory_accounted_bytes", ""] <= used


def test_metrics_are_as_prometheus_wants_them(start_agent, any_target):
    if not shutil.which("promtool"):
        pytest.skip("needs promtool: apt-get install prometheus, or make build/daemons/.done")
    agent = start_agent()
    wait_for(lambda: any_target.pid in agent.processes())
    checked = subprocess.run(["promtool", "check", "metrics"],
                             input=agent.get("/metrics")[1].encode(),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert checked.returncode == 0, checked.stdout.decode()
    text = agent.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")[1]
    assert text.endswith("# EOF\n") and "# TYPE pyfrag_readings counter" in text
    checked = subprocess.run(["promtool", "check", "rules", TOP + "/deploy/pyfrag.rules.yml"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert checked.returncode == 0, checked.stdout.decode()


def test_a_token(tmp_path):
    token = tmp_path / "token"
    token.write_text("let me in\n")
    token.chmod(0o600)
    agent = start_agent_with_token(str(token))
    assert agent.get("/metrics", Authorization="Bearer let me in")[0] == 200
    for wrong in ("Bearer let me", "Bearer let me inn", "let me in", "Basic x", ""):
        assert agent.get("/metrics", Authorization=wrong)[0] == 401
    assert agent.stop() == 0
    result = run_pyfrag("agent", "--token-file", str(tmp_path / "none"), check=False)
    assert result.returncode == 1 and result.stderr.count(b"\n") == 1


def start_agent_with_token(path):
    class WithToken(Agent):
        def get(self, request, **headers):
            headers.setdefault("Authorization", "Bearer let me in")
            return super().get(request, **headers)

    return WithToken("--token-file", path)


def test_bad_requests_do_no_harm(start_agent):
    agent = start_agent("--match", "nobody")
    for bad in (b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b"\xff" * 4096,
                b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n",
                b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                b"POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 100000,
                b"GET /v1/processes/" + b"9" * 1000 + b"/report HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", agent.port), timeout=1) as connection:
            try:
                connection.sendall(bad)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass
    chance = random.Random(6)
    for _ in range(150):
        bad = bytearray(b"GET /v1/processes/%d/report HTTP/1.1\r\nHost: localhost\r\nAccept: "
                        b"*/*\r\n\r\n" % agent.port)
        for _ in range(chance.randrange(1, 12)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        try:
            with socket.create_connection(("127.0.0.1", agent.port), timeout=0.05) as connection:
                connection.sendall(bytes(bad[:chance.randrange(1, len(bad) + 1)]))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        except OSError:
            pass
    # Idle clients do not block others.
    idle = [socket.create_connection(("127.0.0.1", agent.port)) for _ in range(30)]
    assert agent.get("/healthz")[0] == 200
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=5)
    connection.request("DELETE", "/metrics")
    assert connection.getresponse().status == 405
    connection.close()
    for one in idle:
        one.close()
    assert agent.stop() == 0


def test_alerts_run_a_command(start_agent, any_target, tmp_path):
    script = tmp_path / "take-alert"
    script.write_text('#!/bin/sh\n{ echo "$PYFRAG_ALERT_STATE $PYFRAG_ALERT_PID $1"; cat; } >> '
                      '%s/told\n' % tmp_path)
    script.chmod(0o755)
    agent = start_agent("--match", MARK, "--alert", "pinned_arenas > 5",
                        "--alert-to", "exec:%s $(id);" % script)
    any_target.run("tuples_with_survivors", 5)
    told = tmp_path / "told"
    wait_for(lambda: told.exists() and told.read_text().count("\n") >= 2)
    any_target.ask("drop")
    wait_for(lambda: told.read_text().count("\n") >= 4)
    lines = told.read_text().splitlines()
    assert lines[0] == "firing %d $(id);" % any_target.pid
    assert lines[2] == "resolved %d $(id);" % any_target.pid
    fired, over = json.loads(lines[1]), json.loads(lines[3])
    assert fired["labels"] == over["labels"] and fired["labels"]["metric"] == "pinned_arenas"
    # The workload keeps one tuple in a hundred, and the number in it.
    assert re.search(r"\btuple \(", fired["annotations"]["types"])
    assert "sites" not in fired["annotations"]  # no process is probed
    assert "endsAt" not in fired and over["endsAt"] >= over["startsAt"]
    assert agent.stop() == 0


class Server:
    """A Debian daemon that runs until the end of the test."""

    def __init__(self, port, *args):
        self.port = port
        self.process = subprocess.Popen(WITH_SHARE + list(args), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def ask(self, path):
        try:
            status, text = get(self.port, path)
        except OSError:
            return None
        return json.loads(text) if status == 200 and text[:1] in "[{" else text

    def __enter__(self):
        wait_for(lambda: self.ask("/-/ready"))
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()


def test_alertmanager_is_told(start_agent, any_target, tmp_path):
    if not shutil.which("prometheus-alertmanager"):
        pytest.skip("needs Alertmanager: apt-get install prometheus-alertmanager, or make "
                    "build/daemons/.done")
    config = tmp_path / "alertmanager.yml"
    config.write_text("route:\n  receiver: none\nreceivers:\n  - name: none\n")
    port = free_port()
    with Server(port, "prometheus-alertmanager", "--config.file=%s" % config,
                "--storage.path=%s" % tmp_path, "--cluster.listen-address=",
                "--web.listen-address=127.0.0.1:%d" % port) as alertmanager:
        agent = start_agent("--match", MARK, "--alert", "hostage_bytes > 5MiB",
                            "--alert-to", "http://127.0.0.1:%d" % port)
        any_target.run("tuples_with_survivors", 5)
        alert, = wait_for(lambda: alertmanager.ask("/api/v2/alerts?active=true"))
        assert alert["labels"]["pid"] == str(any_target.pid)
        assert alert["labels"]["rule"] == "hostage_bytes > 5MiB"
        any_target.ask("drop")
        wait_for(lambda: alertmanager.ask("/api/v2/alerts?active=true") == [])
        agent.stop()


def test_prometheus_scrapes_it_and_its_rules_fire(start_agent, any_target, tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("needs Prometheus: apt-get install prometheus, or make build/daemons/.done")
    agent = start_agent("--match", MARK)
    port = free_port()
    with open(TOP + "/deploy/pyfrag.rules.yml") as file:
        rules = re.sub(r"for: \d+m", "for: 0s",
                       file.read()).replace("64 * 1024 * 1024", "5 * 1024 * 1024")
    with open(TOP + "/deploy/prometheus.yml") as file:
        config = file.read().replace("127.0.0.1:9876", "127.0.0.1:%d" % agent.port)
    (tmp_path / "pyfrag.rules.yml").write_text(rules)
    (tmp_path / "prometheus.yml").write_text(
        "global:\n  evaluation_interval: 1s\n" +
        config.replace("scrape_interval: 15s", "scrape_interval: 1s"))
    with Server(port, "prometheus", "--config.file=%s/prometheus.yml" % tmp_path,
                "--storage.tsdb.path=%s/data" % tmp_path,
                "--web.listen-address=127.0.0.1:%d" % port) as prometheus:
        any_target.run("tuples_with_survivors", 5)

        def firing():
            alerts = prometheus.ask("/api/v1/alerts")["data"]["alerts"]
            return [alert["labels"] for alert in alerts
                    if alert["state"] == "firing"
                    and alert["labels"]["alertname"] == "PythonArenasPinned"]

        labels, = wait_for(firing, 30)
        assert labels["app"] == "target.py" and "pid" not in labels
        any_target.ask("drop")
        wait_for(lambda: not firing(), 30)
        up = prometheus.ask("/api/v1/query?query=up")["data"]["result"]
        assert [sample["value"][1] for sample in up] == ["1"]
    agent.stop()


def test_kill_9_harms_nobody(start_agent, tmp_path):
    """Kills the agent fifty times, at arbitrary moments, while heaps change and processes start and
    exit."""
    churn = subprocess.Popen(["sh", "-c", "while :; do %s -S -c pass; done" % sys.executable])
    chance = random.Random(9)
    with Target(PYTHONS[0]) as one, Target(PYTHONS[-1]) as other:
        try:
            for _ in range(50):
                agent = subprocess.Popen(
                    [PYFRAG, "agent", "--listen", "127.0.0.1:%d" % free_port(), "-i", "0.1",
                     "--budget", "50%"],
                    stderr=subprocess.PIPE)
                deadline = time.monotonic() + chance.uniform(0, 0.5)
                while time.monotonic() < deadline:
                    one.run("json_churn")
                    other.run("json_churn")
                agent.kill()
                agent.wait()
                assert agent.stderr.read() in (b"", agent_says(agent.args[3]))
        finally:
            churn.kill()
            churn.wait()
        for target in (one, other):
            assert target.ask("eval 6 * 7") == "42"
            with open("/proc/%d/status" % target.pid) as file:
                assert "TracerPid:\t0" in file.read()
            assert not has_breakpoints(target.pid)
        # The next agent works as well as the first.
        agent = start_agent("--match", MARK)
        wait_for(lambda: {one.pid, other.pid} <= set(agent.processes()))
        assert agent.stop() == 0


def agent_says(listen):
    return b"pyfrag: listening on http://%s/metrics\n" % listen.encode()


def test_a_process_that_hangs_its_readers(start_agent, any_target, snapshot):
    with unreadable(1) as hanging:
        agent = start_agent("--match", MARK)
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 1)
        any_target.run("tuples_with_survivors")
        any_target.wait_until_blocked()
        live = snapshot(any_target.pid)["heap"]["live_blocks"]
        wait_for(lambda: of_targets(agent.metrics(), "pyfrag_live_blocks") == live)
        assert agent.get("/healthz")[0] == 200
        assert "heap" not in agent.processes()[hanging[0].pid]
        hanging[0].kill()
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 0)
        wait_for(lambda: hanging[0].pid not in agent.processes())
    assert agent.stop() == 0 and agent.seconds < 2


def test_many_that_hang(start_agent, any_target):
    agent = start_agent("--match", MARK)
    with unreadable(10) as hanging:
        # Processes of root may occupy half of the slots; other users' processes use the rest.
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 4, 30)
        with subprocess.Popen([*as_user(), sys.executable, "-c",
                               "import time; time.sleep(60)", MARK]) as other:
            wait_for(lambda: "heap" in agent.processes().get(other.pid, {}))
            other.kill()
        assert agent.metrics()["pyfrag_readings_hanging", ""] == 4
        assert agent.get("/healthz")[0] == 200
        for process in hanging:
            process.kill()
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 0)
        wait_for(lambda: "heap" in agent.processes().get(any_target.pid, {}))
    with unreadable(3):
        wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 3, 20)
        assert agent.stop() == 0 and agent.seconds < 2


def test_it_tells_where(start_agent, any_target):
    """For a probed process, metrics and alerts name the allocation sites that grow."""
    agent = start_agent("--match", MARK, "--sites", "2",
                        "--alert", "pinned_arenas > 1 for 3s where app=target.py",
                        "--alert", "pinned_arenas > 1 where app=x")
    name = "tuples_with_survivors"
    any_target.run(name, 2)
    wait_for(lambda: has_breakpoints(any_target.pid))
    wait_for(lambda: agent.metrics()["pyfrag_readings_hanging", ""] == 0)
    # The blocks that pin arenas now were allocated before the probes were attached; later ones come
    # after.
    any_target.ask("drop")
    any_target.run(name, 2)
    wait_for(lambda: agent.metrics()["pyfrag_alerts_firing", ""] == 1)
    said = agent.process.stderr.readline().decode()
    assert re.search(r"alert firing: pinned_arenas > 1 .* pinned by .*tuple .*; pools were taken "
                     r"at .*%s" % name, said)
    sites = {labels for metric, labels in agent.metrics() if metric == "pyfrag_site_hostage_bytes"}
    assert 1 <= len(sites) <= 2 and any(name in labels for labels in sites)
    assert agent.stop() == 0 and agent.seconds < 2
    assert not has_breakpoints(any_target.pid)


def test_the_longest_names_fit_into_an_alert(start_agent):
    with open(TOP + "/tests/hostile/programs/long_names.py") as file:
        command = [*as_user(), "/usr/bin/python3.11", "-uc", "# %s\n%s" % (MARK, file.read())]
    agent = start_agent("--match", MARK, "--budget", "100%", "--sites", "5",
                        "--alert", "arena_bytes > 1 for 4s")
    with subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE) as hostile:
        said = agent.process.stderr.readline().decode()
        hostile.kill()
    # any of its sites may come first
    allocates = "|".join(chr(0x20000 + 3 * number) for number in range(6))
    assert "alert firing" in said and re.search("pools were taken at (%s)" % allocates,
                                               said) and "... (" in said
    assert agent.stop() == 0


def test_processes_of_one_file_are_probed_at_a_time(start_agent, any_target):
    with Target(any_target.python) as other:
        agent = start_agent("--match", MARK, "--sites", "2", "--budget", "50%")
        for target in (any_target, other):
            target.run("tuples_with_survivors")
        wait_for(lambda: has_breakpoints(any_target.pid) and has_breakpoints(other.pid))
        assert agent.stop() == 0
        wait_for(lambda: not has_breakpoints(any_target.pid) and not has_breakpoints(other.pid))


def has_breakpoints(pid):
    """Whether the code in memory differs from the code in the file."""
    with open("/proc/%d/maps" % pid) as file:
        mapped = [line.split() for line in file if " r-xp " in line and "/" in line]
    for words in mapped:
        start, end = (int(number, 16) for number in words[0].split("-"))
        with open("/proc/%d/map_files/%x-%x" % (pid, start, end), "rb") as file:
            file.seek(int(words[2], 16))
            expected = file.read(end - start)
        with open("/proc/%d/mem" % pid, "rb") as memory:
            memory.seek(start)
            if memory.read(len(expected)) != expected:
                return True
    return False


def test_it_says_what_is_wrong(tmp_path):
    for args in (["--listen", "nowhere"], ["--listen", "127.0.0.1:99999"], ["--alert", "nonsense"],
                 ["--match", "("], ["too much"], ["--alert-to", "exec: "], ["--alert-to", "me"],
                 ["--sites", "6"],
                 ["--listen", "192.0.2.1:9"], ["--listen", "192.0.2.1:9", "--no-token"]):
        result = run_pyfrag("agent", *args, check=False, timeout=20)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1, (args, result.stderr)
    assert os.listdir(str(tmp_path)) == []


def test_systemd_understands_its_unit(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze: apt-get install systemd")
    with open(TOP + "/deploy/pyfrag-agent.service") as file:
        (tmp_path / "pyfrag-agent.service").write_text(
            file.read().replace("/usr/local/sbin/pyfrag", PYFRAG))
    checked = subprocess.run(["systemd-analyze", "verify",
                              "--man=no", str(tmp_path / "pyfrag-agent.service")],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = [line for line in checked.stdout.decode().splitlines() if "pyfrag" in line]
    assert checked.returncode == 0 and not said, said


def capabilities_of(name):
    """The capabilities that a file in deploy/ grants."""
    with open(TOP + "/deploy/" + name) as file:
        text = file.read()
    if name.endswith(".service"):
        bounding, = re.findall(r"^CapabilityBoundingSet=(.*)$", text, re.M)
        assert bounding in re.findall(r"^AmbientCapabilities=(.*)$", text, re.M)
        return [word[4:].lower() for word in bounding.split()]
    dropped, = re.findall(r"^ +drop: \[(.*)\]$", text, re.M)
    added, = re.findall(r"^ +add: \[(.*)\]$", text, re.M)
    assert dropped == '"ALL"'
    return [word.strip(' "').lower() for word in added.split(",")]


# On a slow machine, searching the code for probe sites uses up a small budget for minutes.
PROBING = ("--match", MARK, "--sites", "1", "--budget", "100%")


@pytest.fixture
def for_perf_events():
    """Lowers perf_event_paranoid as docs/fleet.md describes, and returns what has to be granted in
    addition on kernels without uprobe_multi: nothing, or CAP_SYS_ADMIN."""
    path = "/proc/sys/kernel/perf_event_paranoid"
    with open(path) as file:
        before = file.read()
    if int(before) > 2:
        with open(path, "w") as file:
            file.write("2")
    yield ["sys_admin"] if SYS_ADMIN in keeper_capabilities() else []
    with open(path, "w") as file:
        file.write(before)


def test_it_need_not_be_root(start_agent, any_target, snapshot, for_perf_events):
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv (util-linux)")
    granted = ",+".join(["-all", "bpf", "perfmon", "sys_ptrace", "dac_read_search",
                         *for_perf_events])
    agent = start_agent(*PROBING, wrapper=[
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=" + granted,
        "--inh-caps=" + granted, "--ambient-caps=" + granted])
    any_target.run("tuples_with_survivors")
    wait_for(lambda: has_breakpoints(any_target.pid))
    any_target.wait_until_blocked()
    live = snapshot(any_target.pid)["heap"]["live_blocks"]
    wait_for(lambda: of_targets(agent.metrics(), "pyfrag_live_blocks") == live)
    assert agent.metrics()["pyfrag_read_errors_total", ""] == 0
    assert agent.stop() == 0
    assert "pyfrag searches /proc at each interval instead" not in agent.stderr


@pytest.mark.parametrize("name", ["pyfrag-agent.service", "daemonset.yaml"])
def test_what_is_deployed_has_the_privileges_it_takes(start_agent, name, any_target, snapshot,
                                                      for_perf_events):
    """With exactly the capabilities that are granted it finds, reads and probes processes."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv (util-linux)")
    granted = capabilities_of(name)
    wrapper = ["setpriv", "--no-new-privs",
               "--bounding-set=" + ",+".join(["-all", *granted, *for_perf_events])]
    agent = start_agent(*PROBING, wrapper=wrapper)
    any_target.run("tuples_with_survivors")
    wait_for(lambda: has_breakpoints(any_target.pid))
    any_target.run("tuples_with_survivors")
    any_target.wait_until_blocked()
    live = snapshot(any_target.pid)["heap"]["live_blocks"]
    wait_for(lambda: of_targets(agent.metrics(), "pyfrag_live_blocks") == live)
    with Target(any_target.python) as later:
        wait_for(lambda: "heap" in agent.processes().get(later.pid, {}))
    assert agent.metrics()["pyfrag_read_errors_total", ""] == 0
    assert agent.stop() == 0
    assert "pyfrag searches /proc at each interval instead" not in agent.stderr
    # All of them are needed: without either of these two, BPF cannot report new processes.
    for missing in ("bpf", "perfmon"):
        without = start_agent("--match", "nobody", wrapper=wrapper[:-1] + [
            "--bounding-set=-all," + ",".join("+" + one for one in granted if one != missing)])
        assert without.stop() == 0
        assert "pyfrag searches /proc at each interval instead" in without.stderr
        assert without.stderr.count("\n") == 1, without.stderr


def test_what_cannot_be_probed_is_tried_again(start_agent, any_target):
    """Without CAP_BPF probing fails; the agent retries."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv (util-linux)")
    granted = [one for one in capabilities_of("pyfrag-agent.service") if one != "bpf"]
    agent = start_agent("--match", MARK, "--sites", "1", "--alert", "arena_bytes > 1", wrapper=[
        "setpriv", "--no-new-privs", "--bounding-set=-all," +
        ",".join("+" + one for one in granted)])
    said = []
    os.set_blocking(agent.process.stderr.fileno(), False)

    def has_tried_twice():
        said.append(agent.process.stderr.read() or b"")
        return b"".join(said).count(b"allocation sites of this process are not reported") >= 2

    wait_for(has_tried_twice, 60)
    os.set_blocking(agent.process.stderr.fileno(), True)
    assert agent.get("/healthz")[0] == 200 and agent.stop() == 0


def test_a_configuration_file(start_agent, any_target, tmp_path):
    config = tmp_path / "pyfrag.conf"
    config.write_text("; what to watch\nmatch = %s\nalert = pinned_arenas > 1000000\n" % MARK)
    agent = start_agent("--config", str(config))
    any_target.run("tuples_with_survivors", 5)
    wait_for(lambda: of_targets(agent.metrics(), "pyfrag_pinned_arenas") > 5)
    assert agent.metrics()["pyfrag_alerts_firing", ""] == 0
    for wrong in ("alert = nonsense\n", "interval = x\n", "nothing = 1\n", "no line at all\n",
                  "pid = 1\n"):
        config.write_text(wrong)
        agent.process.send_signal(signal.SIGHUP)
        assert b"pyfrag: " in agent.process.stderr.readline()
        line = agent.process.stderr.readline()
        while b"the previous configuration remains in use" not in line:
            line = agent.process.stderr.readline()
    assert agent.get("/healthz")[0] == 200
    config.write_text("match = %s\nalert = pinned_arenas > 3\n" % MARK)
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.metrics()["pyfrag_alerts_firing", ""] == 1)
    config.write_text("match = %s\n" % MARK)
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.metrics()["pyfrag_alerts_firing", ""] == 0)
    # Only changes that need a restart are reported.
    config.write_text("match = %s\nlisten = 127.0.0.1:1\nsites = 2\ninterval = 7\n" % MARK)
    agent.process.send_signal(signal.SIGHUP)
    said = [agent.process.stderr.readline()]
    while b"restart" not in said[-1] or b"'sites' has changed" not in said[-1]:
        said.append(agent.process.stderr.readline())
    assert [line.split()[1] for line in said if b"restart" in line] == [b"'listen'", b"'sites'"]
    assert agent.get("/healthz")[0] == 200
    assert agent.stop() == 0
    for wrong in ("alert = nonsense\n", "nothing = 1\n", "[x\n"):
        config.write_text(wrong)
        result = run_pyfrag("agent", "--config", str(config), check=False, timeout=10)
        assert result.returncode == 1


def test_any_configuration_file_does_no_harm(tmp_path):
    config = tmp_path / "pyfrag.conf"
    chance = random.Random(66)
    good = (b"match = target.py\nalert = pinned_bytes > 64MiB for 60s\ninterval = 5\n"
            b"budget = 2%\n[x]\n; y\n")
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 30)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        config.write_bytes(bytes(bad) * chance.randrange(1, 40))
        result = run_pyfrag("agent", "--config", str(config), "--listen", "nowhere", check=False,
                            timeout=10)
        assert result.returncode == 1 and result.stderr.startswith(b"pyfrag: "), bytes(bad)


def test_what_is_deployed_asks_for_metrics_that_there_are(start_agent, any_target):
    agent = start_agent("--match", MARK, "--sites", "1")
    any_target.run("tuples_with_survivors")
    wait_for(lambda: has_breakpoints(any_target.pid))
    any_target.run("tuples_with_survivors")
    wait_for(lambda: "pyfrag_site_pools" in {name for name, _ in agent.metrics()})
    served = {name for name, _ in agent.metrics()}
    with open(TOP + "/deploy/grafana.json") as file:
        dashboard = json.load(file)
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    with open(TOP + "/deploy/pyfrag.rules.yml") as file:
        asked.append(file.read())
    with open(TOP + "/docs/fleet.md") as file:
        asked += re.findall(r"`(pyfrag_\w+)`", file.read())
    names = {name for expression in asked for name in re.findall(r"\bpyfrag_\w+", expression)}
    assert len(names) > 20 and names <= served, names - served
