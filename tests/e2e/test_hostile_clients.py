"""Clients of the agent that want what is not theirs, or want others to get nothing."""
import http.client
import os
import re
import socket
import subprocess
import sys

import pytest
from conftest import TOP, run_pyfrag
from test_agent import Agent, free_port, get, start_agent, wait_for  # noqa: F401, a fixture

SECRET = "hunter2-hunter2"


@pytest.fixture
def with_secret():
    """A Python with a password on its command line."""
    process = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); input()", "--db-password=" + SECRET],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def serve_all(agent, pid):
    """All that is said of a process, when it was read."""
    wait_for(lambda: "heap" in agent.processes().get(pid, {}))
    return [agent.get(path)[1] for path in ("/v1/processes", "/v1/processes/%d/report" % pid, "/metrics")]


def test_command_lines_are_not_served(start_agent, with_secret, tmp_path):  # noqa: F811
    told = tmp_path / "told"
    script = tmp_path / "take-alert"
    script.write_text("#!/bin/sh\n{ env; cat; } >> %s\n" % told)
    script.chmod(0o755)
    agent = start_agent("--match", SECRET, "--alert", "arena_bytes > 1", "--alert-to", "exec:%s" % script)
    served = serve_all(agent, with_secret.pid)
    assert '"cmdline": []' in served[1] or '"cmdline":[]' in served[1]
    wait_for(lambda: told.exists() and "startsAt" in told.read_text())
    assert SECRET not in "".join(served) + told.read_text()
    assert agent.stop() == 0 and SECRET not in agent.stderr
    asked = start_agent("--match", SECRET, "--command-lines")
    assert SECRET in serve_all(asked, with_secret.pid)[1]
    assert asked.stop() == 0


def ask(port, *headers):
    """The status of an answer to exactly these headers."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall("\r\n".join(["GET /v1/processes HTTP/1.1", *headers, "Connection: close", "", ""]).encode())
        return int(connection.makefile().readline().split()[1])


def test_a_rebound_name_is_refused(start_agent):  # noqa: F811
    agent = start_agent("--match", "nobody")
    for host in ("localhost", "localhost:%d" % agent.port, "127.0.0.1", "127.9.9.9:1", "[::1]:9876", "LOCALHOST"):
        assert ask(agent.port, "Host: " + host) == 200, host
    for host in ("evil.example", "evil.example:%d" % agent.port, "127.0.0.1.evil.example", "localhost.evil.example",
                 "evil.example:x127.0.0.1", "192.0.2.1"):
        assert ask(agent.port, "Host: " + host) == 403, host
    assert ask(agent.port, "Host: localhost", "Host: evil.example") in (400, 403)
    assert ask(agent.port, "Host: evil.example", "Host: localhost") in (400, 403)
    assert ask(agent.port, "X-Forwarded-Host: localhost") in (400, 403)
    assert agent.stop() == 0


def test_others_need_a_token():
    for address in ("0.0.0.0", "[::]", "192.0.2.1"):
        result = run_pyfrag("agent", "--listen", "%s:%d" % (address, free_port()), check=False, timeout=20)
        assert result.returncode == 1
        said, = result.stderr.decode().splitlines()
        assert "--token-file" in said and "--no-token" in said and address in said
    result = run_pyfrag("agent", "--token-file", "/dev/null", "--no-token", check=False, timeout=20)
    assert result.returncode == 1 and result.stderr.count(b"\n") == 1


def start_at_all_addresses(*args):
    """An agent that listens at 0.0.0.0, by the options of the DaemonSet or others."""
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
    # What mounts the Secret there, readable for its owner only.
    directory, key = os.path.split(path)
    mount, = re.findall(r"- name: (\w+)\n +mountPath: (\S+)\n +readOnly: true", text)
    assert mount[1] == directory
    secret, mode = re.search(r"- name: %s\n +secret:\n +secretName: (\S+)\n +defaultMode: (\d+)" % mount[0], text).groups()
    assert mode == "0400" and "generic %s --from-literal=%s=" % (secret, key) in text
    assert re.search(r"credentials:\n +name: %s\n +key: %s\n" % (secret, key), text)
    token = tmp_path / "token"
    token.write_text(SECRET)
    token.chmod(int(mode, 8))
    agent = start_at_all_addresses(*args[2:], "--match", "nobody", "--token-file", str(token))
    assert agent.get("/metrics")[0] == 401
    assert agent.get("/metrics", Authorization="Bearer " + SECRET)[0] == 200
    probe, = re.findall(r"httpGet:\n +path: (\S+)", text)
    assert agent.get(probe)[0] == 200
    assert agent.stop() == 0


def test_a_token_that_others_can_read_is_none(tmp_path):
    token = tmp_path / "token"
    token.write_text(SECRET)
    fifo = tmp_path / "fifo"
    os.mkfifo(str(fifo), 0o600)
    for mode in (0o644, 0o660, 0o602):
        token.chmod(mode)
        result = run_pyfrag("agent", "--token-file", str(token), check=False, timeout=20)
        assert result.returncode == 1 and b"chmod 600" in result.stderr and SECRET.encode() not in result.stderr
    token.chmod(0o600)
    os.chown(str(token), 65534, 65534)
    for path in (str(token), str(fifo), "/dev/zero"):
        result = run_pyfrag("agent", "--token-file", path, check=False, timeout=20)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1
