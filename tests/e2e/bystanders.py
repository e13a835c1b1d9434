"""Processes beside a test: of users without privileges, of which others consist, that are left
over, and what is waited for."""
import os
import re
import signal
import subprocess
import time
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOBODY = 65534
# Numbers of linux/capability.h.
SYS_ADMIN, PERFMON = 21, 38
# All processes that this run of the tests starts have it in their environment, and those that they
# start.
RUN = uuid.uuid4().hex
os.environ["PYFRAG_TEST_RUN"] = RUN


def as_user(user=NOBODY):
    """What goes before a command so that it runs as that user, and can gain nothing."""
    return ["setpriv", "--reuid=%d" % user, "--regid=%d" % user,
            "--clear-groups", "--no-new-privs", "--"]


def children_of(pid):
    """Those of all of its threads."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as file:
            found += [int(word) for word in file.read().split()]
    return found


def name_of(pid):
    with open("/proc/%d/comm" % pid) as file:
        return file.read().strip()


def of_this_run():
    """The processes that this run of the tests has started, with all that they have, but for those
    that have ended."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                if RUN.encode() in file.read():
                    found.add(int(pid))
        except OSError:
            pass
    return found


def end_all_but(others, seconds=20):
    """Ends what this run has started, but for @others; returns their names. A keeper ends by itself
    when it has taken its probes out, and must not be killed before."""
    ended = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        left = of_this_run() - others
        if not left:
            break
        for pid in left:
            try:
                name = name_of(pid)
                if name != "pyfrag-keeper":
                    ended[pid] = name
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.01)
    return sorted(ended.values())


def wait_for(condition, seconds=20):
    """Until it is true, and returns what it is then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def keeper_capabilities():
    """What a pyfrag-keeper of root's has, by the numbers of linux/capability.h: what perf events
    take, on kernels without uprobe_multi (before Linux 6.6)."""
    said = subprocess.run([os.environ.get("PYFRAG", TOP + "/pyfrag"), "doctor"],
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    line, = re.findall(r"^\w+ +uprobes +(.*)$", said, re.M)
    if "perf events" not in line:
        return set()
    with open("/proc/sys/kernel/perf_event_paranoid") as file:
        return {PERFMON, SYS_ADMIN} if int(file.read()) > 2 else {PERFMON}
