"""A user who starts more processes than pyfrag can watch: other users' are found and read all the same."""
import subprocess
import sys

from bystanders import as_user, wait_for
from conftest import PYTHONS
from target import Target
from test_agent import Agent

CHILDREN = 80
# There are descriptors for half of them, and pyfrag cannot have more.
FEW_DESCRIPTORS = ["prlimit", "--nofile=200:200"]
PLACES = (200 - 128) // 2


class Crowd:
    """Processes of an unprivileged user, which end with the first one."""

    def __init__(self, script):
        self.process = subprocess.Popen(
            [*as_user(), sys.executable, "-uc", script], cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
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
