"""Helpers for processes beside a test: run commands as an unprivileged user, list child processes,
end leftover processes, wait for conditions."""
import errno
import os
import re
import signal
import subprocess
import time
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOBODY = 65534
# Numbers from linux/capability.h.
SYS_ADMIN, PERFMON = 21, 38
# Every process that this run of the tests starts, directly or indirectly, inherits this in its
# environment.
RUN = uuid.uuid4().hex
os.environ["PYFRAG_TEST_RUN"] = RUN


def as_user(user=NOBODY):
    """A command prefix that runs the command as that user, who can gain no privileges."""
    return ["setpriv", "--reuid=%d" % user, "--regid=%d" % user,
            "--clear-groups", "--no-new-privs", "--"]


def children_of(pid):
    """The children of all of its threads."""
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as file:
            found += [int(word) for word in file.read().split()]
    return found


def name_of(pid):
    with open("/proc/%d/comm" % pid) as file:
        return file.read().strip()


def of_this_run():
    """The processes that this run of the tests has started, and their descendants, except
    zombies."""
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
    """Ends what this run has started, except @others; returns their names. A keeper removes its
    probes and then exits by itself; it must not be killed before that."""
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
    """Waits until the condition is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def keeper_capabilities():
    """The capabilities of a pyfrag-keeper run by root, by their numbers in linux/capability.h:
    those that perf events need, on kernels without uprobe_multi (before Linux 6.6)."""
    said = subprocess.run([os.environ.get("PYFRAG", TOP + "/pyfrag"), "doctor"],
                          stdout=subprocess.PIPE, check=True).stdout.decode()
    line, = re.findall(r"^\w+ +uprobes +(.*)$", said, re.M)
    if "perf events" not in line:
        return set()
    return {PERFMON} if perfmon_is_sufficient() else {PERFMON, SYS_ADMIN}


# Opens a perf event with a uprobe in no file: the kernel checks capabilities first.
OPEN_UPROBE_EVENT = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
with open("/sys/bus/event_source/devices/uprobe/type") as file:
    attr = ctypes.create_string_buffer(struct.pack("<II", int(file.read()), 128), 128)
assert libc.syscall(%d, attr, 0, -1, -1, 0) == -1
print(ctypes.get_errno())
"""


def perfmon_is_sufficient():
    """Whether CAP_PERFMON permits perf events with uprobes. Where perf_event_paranoid is more than
    2, and on recent stable kernels (6.1.192), they take CAP_SYS_ADMIN."""
    number = {"x86_64": 298, "aarch64": 241}[os.uname().machine]  # of perf_event_open()
    said = subprocess.run(["setpriv", "--bounding-set=-all,+perfmon", "/usr/bin/python3", "-c",
                           OPEN_UPROBE_EVENT % number], stdout=subprocess.PIPE, check=True)
    error = int(said.stdout)
    assert error in (errno.EACCES, errno.EINVAL), os.strerror(error)
    return error == errno.EINVAL
