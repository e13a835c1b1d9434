"""A Python in a container of podman and runc, and an agent in a container with the privileges that
the DaemonSet grants."""
import os
import re
import shutil
import subprocess
import tempfile
import uuid

import pytest

from bystanders import wait_for
from conftest import PYFRAG, PYTHONS, TOP
from test_agent import capabilities_of, free_port, get
from test_places import Running, traced_rounds

PODMAN = ["podman", "--runtime", "runc", "--cgroup-manager=cgroupfs"]
# Without these, podman raises the limits above its own, which fails without CAP_SYS_RESOURCE.
LIMITS = ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=1000:1000"]

# Each round leaves every arena pinned: an agent probes only processes that have hostage bytes or
# whose arenas grow.
PINNING = (
    "import sys, json\n"
    "print('ready', flush=True)\n"
    "while sys.stdin.read(1):\n"
    "    [json.loads(json.dumps(list(range(50)))) for _ in range(300)]\n"
    "    kept = [(number,) for number in range(200000)][::100]\n"
    "    print('done', flush=True)\n"
)


class Podman:
    """Containers whose images are directories. On exit the containers and podman's storage are
    removed."""

    def __init__(self, place):
        self.command = PODMAN + ["--root", "%s/storage" % place, "--runroot", "%s/runroot" % place]
        self.names = []

    def run(self, *args):
        """The command that runs a container, and the container's name."""
        self.names.append("pyfrag-%s" % uuid.uuid4().hex)
        return self.command + ["run",
                               "--name", self.names[-1]] + LIMITS + [str(arg) for arg in args]

    def pid(self):
        """The pid of the last container's first process; 0 if it does not run (yet)."""
        out = subprocess.run(self.command + ["inspect", self.names[-1],
                                             "--format", "{{.State.Pid}}"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return int(out or 0)


@pytest.fixture
def podman():
    if not shutil.which("podman") or not shutil.which("runc"):
        pytest.skip("needs podman and runc: apt-get install podman runc")
    place = tempfile.mkdtemp(prefix="podman-")  # podman refuses long paths
    running = Podman(place)
    yield running
    for name in running.names:
        subprocess.run(running.command + ["rm", "-f", "-t", "2", name], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    subprocess.run(["umount", place + "/storage/overlay"], stderr=subprocess.DEVNULL)
    shutil.rmtree(place)


@pytest.fixture
def contained(podman):
    """Runs a Python of another release in a container; yields podman's process and the Python's
    pid."""
    others = [python for python in PYTHONS if python.root]
    if not others:
        pytest.skip("needs root file systems of other releases: set PYFRAG_TEST_ROOTS")
    python = others[-1]
    command = podman.run("-i", "--network=none", "--rootfs", python.root, *python.command[2:],
                         "-u", "-c", PINNING)
    with Running(*command) as running:
        yield running.process, wait_for(podman.pid)


def test_a_container_is_traced(contained, start_trace):
    process, pid = contained
    report = traced_rounds(process, start_trace, pid)
    assert "libpod" in report["process"]["cgroup"]


def image_of_pyfrag(place):
    """Fills a directory with pyfrag and the libraries that it is linked to."""
    linked = subprocess.run(["ldd", PYFRAG], stdout=subprocess.PIPE, check=True).stdout.decode()
    for path in re.findall(r"/\S*\.so\S*", linked) + ["/etc/passwd"]:
        os.makedirs(str(place) + os.path.dirname(path), exist_ok=True)
        shutil.copy(path, str(place) + path)
    for name in ("usr/local/sbin", "tmp", "proc", "sys", "dev", "etc/pyfrag"):
        os.makedirs("%s/%s" % (place, name), exist_ok=True)
    shutil.copy(PYFRAG, "%s/usr/local/sbin/pyfrag" % place)
    return place


@pytest.mark.parametrize("sites", [[], ["--sites", "1", "--budget", "50%"]], ids=["plain", "sites"])
def test_an_agent_in_a_container(podman, contained, tmp_path, sites):
    process, _ = contained
    (tmp_path / "token").mkdir()
    (tmp_path / "token/token").write_text("sesame\n")
    (tmp_path / "token/token").chmod(0o600)
    with open(TOP + "/deploy/daemonset.yaml") as file:
        assert "type: Unconfined" in file.read()
    port = free_port()
    command = podman.run(
        "--pid=host", "--network=host", "--read-only", "--security-opt", "no-new-privileges",
        "--security-opt",
        "seccomp=unconfined", "--cap-drop", "ALL",
        "--cap-add", ",".join(capabilities_of("daemonset.yaml")).upper(),
        "-v", "%s/token:/etc/pyfrag:ro" % tmp_path, "--rootfs", image_of_pyfrag(tmp_path / "image"),
        "/usr/local/sbin/pyfrag", "agent", "--listen", "127.0.0.1:%d" % port,
        "--token-file", "/etc/pyfrag/token",
        "--interval", "0.5", "--cgroup", "libpod", *sites)
    wanted = "pyfrag_site_pools{" if sites else "pyfrag_live_blocks{"

    def is_served():
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdout.readline()
        try:
            status, text = get(port, "/metrics", {"Authorization": "Bearer sesame"})
        except OSError:
            return False
        return status == 200 and wanted in text and "\npyfrag_read_errors_total 0\n" in text

    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as agent:
        try:
            wait_for(is_served, 60)
        finally:
            subprocess.run(podman.command + ["stop", "-t", "5", podman.names[-1]],
                           stdout=subprocess.DEVNULL)
            said = agent.communicate(timeout=20)[1].decode()
    assert agent.returncode == 0, said
    assert "pyfrag searches /proc at each interval instead" not in said, said
