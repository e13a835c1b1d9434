"""Clients of the agent that ask for data they may not have, or try to keep others from being
served."""
import os
import re
import socket
import subprocess
import sys
import time

import pytest
from bystanders import RUN, as_user, wait_for
from conftest import TOP, run_pyfrag
from test_agent import Agent, free_port, get, start_agent  # noqa: F401, a fixture

SECRET = "hunter2-" + RUN
NAME = "hostile-alerts-" + RUN


@pytest.fixture
def with_secret():
    """A Python with a password on its command line."""
    process = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()",
                                "--db-password=" + SECRET],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def serve_all(agent, pid):
    """Everything that the agent serves about a process, once it has been read."""
    wait_for(lambda: "heap" in agent.processes().get(pid, {}))
    return [agent.get(path)[1]
            for path in ("/v1/processes", "/v1/processes/%d/report" % pid, "/metrics")]


def test_command_lines_are_not_served(start_agent, with_secret, tmp_path):  # noqa: F811
    told = tmp_path / "told"
    script = tmp_path / "take-alert"
    script.write_text("#!/bin/sh\n{ env; cat; } >> %s\n" % told)
    script.chmod(0o755)
    agent = start_agent("--match", SECRET, "--alert", "arena_bytes > 1",
                        "--alert-to", "exec:%s" % script)
    served = serve_all(agent, with_secret.pid)
    assert '"cmdline": []' in served[1] or '"cmdline":[]' in served[1]
    wait_for(lambda: told.exists() and "startsAt" in told.read_text())
    assert SECRET not in "".join(served) + told.read_text()
    assert agent.stop() == 0 and SECRET not in agent.stderr
    asked = start_agent("--match", SECRET, "--command-lines")
    assert SECRET in serve_all(asked, with_secret.pid)[1]
    assert asked.stop() == 0


def ask(port, *headers):
    """The status of the response to a request with exactly these headers."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall("\r\n".join(["GET /v1/processes HTTP/1.1", *headers, "Connection: close",
                                        "", ""]).encode())
        return int(connection.makefile().readline().split()[1])


def test_a_rebound_name_is_refused(start_agent):  # noqa: F811
    agent = start_agent("--match", "nobody")
    for host in ("localhost", "localhost:%d" % agent.port, "127.0.0.1", "127.9.9.9:1", "[::1]:9876",
                 "LOCALHOST"):
        assert ask(agent.port, "Host: " + host) == 200, host
    for host in ("evil.example", "evil.example:%d" % agent.port, "127.0.0.1.evil.example",
                 "localhost.evil.example",
                 "evil.example:x127.0.0.1", "192.0.2.1"):
        assert ask(agent.port, "Host: " + host) == 403, host
    assert ask(agent.port, "Host: localhost", "Host: evil.example") in (400, 403)
    assert ask(agent.port, "Host: evil.example", "Host: localhost") in (400, 403)
    assert ask(agent.port, "X-Forwarded-Host: localhost") in (400, 403)
    assert agent.stop() == 0


def test_others_need_a_token():
    for address in ("0.0.0.0", "[::]", "192.0.2.1"):
        result = run_pyfrag("agent", "--listen", "%s:%d" % (address, free_port()), check=False,
                            timeout=20)
        assert result.returncode == 1
        said, = result.stderr.decode().splitlines()
        assert "--token-file" in said and "--no-token" in said and address in said
    result = run_pyfrag("agent", "--token-file", "/dev/null", "--no-token", check=False, timeout=20)
    assert result.returncode == 1 and result.stderr.count(b"\n") == 1


def start_at_all_addresses(*args):
    """Starts an agent that listens at 0.0.0.0, with the options of the DaemonSet or others."""
    port = free_port()

    class Open(Agent):
        def get(self, path, **headers):
            return get(port, path, headers)

    return Open("--listen", "0.0.0.0:%d" % port, *args)


def test_anybody_is_answered_if_that_is_asked_for():
    agent = start_at_all_addresses("--match", "nobody", "--no-token")
    assert agent.get("/metrics")[0] == 200
    assert agent.get("/metrics", Host="any.example")[0] == 200
    assert agent.stop() == 0


def test_the_daemonset_wants_its_token(tmp_path):
    with open(TOP + "/deploy/daemonset.yaml") as file:
        text = file.read()
    args = re.findall(r'"([^"]*)"', re.search(r"^ +args: \[(.*)\]$", text, re.M).group(1))
    assert args[0] == "--listen" and args[1].startswith("0.0.0.0:")
    path = args[args.index("--token-file") + 1]
    # The container runtime mounts the Secret there, readable by its owner only.
    directory, key = os.path.split(path)
    mount, = re.findall(r"- name: (\w+)\n +mountPath: (\S+)\n +readOnly: true", text)
    assert mount[1] == directory
    secret, mode = re.search(r"- name: %s\n +secret:\n +secretName: (\S+)\n +defaultMode: (\d+)" %
                             mount[0], text).groups()
    assert mode == "0400" and "generic %s --from-literal=%s=" % (secret, key) in text
    assert re.search(r"credentials:\n +name: %s\n +key: %s\n" % (secret, key), text)
    token = tmp_path / "token"
    token.write_text(SECRET)
    token.chmod(int(mode, 8))
    agent = start_at_all_addresses(*args[2:], "--match", "nobody", "--token-file", str(token))
    assert agent.get("/metrics")[0] == 401
    assert agent.get("/metrics", Authorization="Bearer " + SECRET)[0] == 200
    probes = re.findall(r"^ +(\w+)Probe:\n +httpGet:\n +path: (\S+)", text, re.M)
    assert probes == [("liveness", "/livez"), ("readiness", "/healthz")]
    for _, path in probes:
        assert agent.get(path)[0] == 200
    assert agent.stop() == 0


def test_a_token_that_others_can_read_is_none(tmp_path):
    token = tmp_path / "token"
    token.write_text(SECRET)
    fifo = tmp_path / "fifo"
    os.mkfifo(str(fifo), 0o600)
    for mode in (0o644, 0o660, 0o602):
        token.chmod(mode)
        result = run_pyfrag("agent", "--token-file", str(token), check=False, timeout=20)
        assert result.returncode == 1 and b"chmod 600" in result.stderr
        assert SECRET.encode() not in result.stderr
    token.chmod(0o600)
    os.chown(str(token), 65534, 65534)
    for path in (str(token), str(fifo), "/dev/zero"):
        result = run_pyfrag("agent", "--token-file", path, check=False, timeout=20)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1


SLOW_CLIENT = """
import socket, sys, time
port, cnt = int(sys.argv[1]), int(sys.argv[2])
def connect():
    one = socket.create_connection(("127.0.0.1", port), timeout=5)
    one.sendall(b"GET /metrics HTTP/1.1\\r\\nHost: localhost\\r\\n")
    return one
held = [connect() for _ in range(cnt)]
print("ready", flush=True)
# Sends a byte from time to time, and reopens closed connections.
while True:
    for number, one in enumerate(held):
        try:
            one.sendall(b"X")
        except OSError:
            try:
                held[number] = connect()
            except OSError:
                pass
    time.sleep(0.2)
"""


@pytest.fixture
def slow_clients():
    """Connections of an unprivileged user that never finish their request."""
    running = []

    def start(port, cnt):
        process = subprocess.Popen([*as_user(),
                                    "/usr/bin/python3", "-c", SLOW_CLIENT, str(port), str(cnt)],
                                   stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_slow_clients_starve_nobody(start_agent, slow_clients):  # noqa: F811
    agent = start_agent("--match", "nobody")
    for _ in range(2):
        slow_clients(agent.port, 300)
    for _ in range(50):
        for path in ("/healthz", "/metrics"):
            assert agent.get(path)[0] == 200
    wait_for(lambda: agent.metrics()["pyfrag_connections_closed_total", ""] > 300)
    assert len(os.listdir("/proc/%d/fd" % agent.process.pid)) < 300
    assert agent.stop() == 0


def test_a_request_has_a_deadline(start_agent):  # noqa: F811
    """The deadline holds for a request that arrives byte by byte, too."""
    agent = start_agent("--match", "nobody")
    with socket.create_connection(("127.0.0.1", agent.port), timeout=1) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        start = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - start < 60:
                slow.sendall(b"X-A: b\r\n")
                time.sleep(0.1)
    wait_for(lambda: agent.metrics()["pyfrag_connections_closed_total", ""] >= 1)
    assert agent.stop() == 0


@pytest.fixture
def any_heap():
    """A Python whose heap is not empty; its mark is unique."""
    process = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()", NAME],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_a_command_without_end_is_ended(start_agent, any_heap, tmp_path):  # noqa: F811
    """A command that never ends delays others for at most ten seconds; a user can have three such
    commands. It does not delay other destinations, does not outlive the agent, and inherits no
    descriptor of it."""
    said, told = tmp_path / "said", tmp_path / "told"
    endless, good = tmp_path / "endless", tmp_path / "good"
    endless.write_text("#!/bin/sh\ntrap '' TERM\necho $(ls /proc/self/fd) $$ >> %s\nsleep "
                       "1000\nsleep 1000\n" % said)
    good.write_text("#!/bin/sh\necho $PYFRAG_ALERT_RULE >> %s\n" % told)
    for script in (endless, good):
        script.chmod(0o755)
    alerts = [word for n in range(1, 7) for word in ("--alert", "arena_bytes > %d" % n)]
    agent = start_agent("--match", NAME, *alerts,
                        "--alert-to", "exec:%s --password hunter2" % endless,
                        "--alert-to", "exec:%s" % good)

    def pids():
        lines = said.read_text().splitlines() if said.exists() else []
        # 3 is the directory that ls itself reads
        assert all(line.split()[:4] == ["0", "1", "2", "3"] for line in lines)
        return [int(line.split()[4]) for line in lines]

    wait_for(lambda: len(pids()) == 3, 40)
    wait_for(lambda: told.exists() and told.read_text().count("\n") == 6, 40)
    wait_for(lambda: len(pids()) > 3, 40)
    wait_for(lambda: agent.metrics()["pyfrag_alerts_undelivered_total", ""] >= 1)
    assert not all(os.path.exists("/proc/%d" % pid) for pid in pids()[:3])
    assert agent.stop() == 0 and agent.seconds < 3
    assert not any(os.path.exists("/proc/%d" % pid) for pid in pids())
    assert "timed out" in agent.stderr and "hunter2" not in agent.stderr


HAMMER = """
import http.client, sys
port, paths = int(sys.argv[1]), sys.argv[2:]
print("ready", flush=True)
while True:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        while True:
            for path in paths:
                connection.request("GET", path)
                connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
"""


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def test_clients_that_ask_all_the_time_are_held_back(start_agent, any_heap):  # noqa: F811
    """Four clients request one report, and other pages, as fast as they can. That uses no more than
    the permitted CPU time, the report is written once a second, and other clients are served."""
    agent = start_agent("--match", NAME)
    report = "/v1/processes/%d/report" % any_heap.pid
    wait_for(lambda: agent.get(report)[0] == 200)
    start, taken, written = time.monotonic(), cpu_seconds(agent.process.pid), agent.metrics()[
        "pyfrag_reports_written_total", ""]
    clients = [subprocess.Popen([*as_user(), "/usr/bin/python3", "-c", HAMMER, str(agent.port),
                                 report, "/metrics"],
                                stdout=subprocess.PIPE) for _ in range(4)]
    try:
        assert all(client.stdout.readline() == b"ready\n" for client in clients)
        wait_for(lambda: agent.metrics()["pyfrag_scrapes_total", ""] >= 1000, 60)
        for _ in range(20):
            for path in ("/healthz", "/metrics", report):
                assert agent.get(path)[0] == 200
    finally:
        for client in clients:
            client.kill()
            client.communicate()
    scrapes = agent.metrics()["pyfrag_scrapes_total", ""]
    written = agent.metrics()["pyfrag_reports_written_total", ""] - written
    taken, elapsed = cpu_seconds(agent.process.pid) - taken, time.monotonic() - start
    assert 1 <= written <= elapsed + 2 and written < scrapes / 2
    # A tenth of a core, the burst, and work unrelated to requests.
    assert taken < 0.15 * elapsed + 0.5
    assert agent.stop() == 0


def test_a_password_in_a_url_is_not_logged(start_agent, any_heap):  # noqa: F811
    url = "http://user:%s@127.0.0.1:%d/x?key=%s" % (SECRET, free_port(), SECRET)
    agent = start_agent("--match", NAME, "--alert", "arena_bytes > 1", "--alert-to", url)
    wait_for(lambda: agent.metrics()["pyfrag_alerts_undelivered_total", ""] >= 1)
    assert SECRET not in "".join(agent.get(path)[1] for path in ("/metrics", "/v1/processes"))
    assert agent.stop() == 0 and "cannot deliver an alert to http://***@127.0.0.1" in agent.stderr
    assert SECRET not in agent.stderr
    for args in (["--alert-to", "ftp://user:%s@x" % SECRET], ["--alert-to", url] * 9):
        result = run_pyfrag("agent", *args, check=False, timeout=20)
        assert result.returncode == 1 and SECRET.encode() not in result.stderr
