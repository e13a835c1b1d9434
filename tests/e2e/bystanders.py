"""Processes beside a test: of users without privileges, of which others consist, and what is waited for."""
import os
import time

NOBODY = 65534


def as_user(user=NOBODY):
    """What goes before a command so that it runs as that user, and can gain nothing."""
    return ["setpriv", "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups", "--no-new-privs", "--"]


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


def wait_for(condition, seconds=20):
    """Until it is true, and returns what it is then."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")
