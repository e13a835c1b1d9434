"""Processes of an unprivileged user with forged objects: pyfrag reports the genuine ones and counts
the rest."""
import re
import shutil
import subprocess

import pytest

import pythons
from bystanders import as_user
from target import WORKLOADS

SCRIPT = WORKLOADS + "/hostile_types.py"
# The counter that each lie raises, and its exact value; lies that are not listed are harmless.
COUNTED = {
    "types_refused": {
        "dict_offset", "dict_offset_negative", "weak_offset", "short_list", "short_dict",
        "short_set", "short_deque",
        "short_tuple", "short_str", "short_int", "short_frame", "short_type", "huge_basic_size",
        "huge_item_size", "unreadable_name", "bytes_as_name",
    },
    "types_unnamed": {"dict_of_types"},
    "roots_refused": {"frame_circle", "thread_circle"},
    "references_left_out": {"shared_items", "lists", "tuples", "sets", "deques"},
}


def names_of_lies():
    with open(SCRIPT) as script:
        table = script.read().split("LIES = {", 1)[1].split("\n}", 1)[0]
    return re.findall(r'^    "(\w+)":', table, re.M)


@pytest.fixture(scope="module")
def python311():
    """A Python of the layout that the lies forge, which the unprivileged user can run."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv (util-linux)")
    for python in pythons.find():
        if python.root or python.version[:2] != (3, 11):
            continue
        if not subprocess.run(as_user() + python.command + ["-c", ""],
                              stderr=subprocess.DEVNULL).returncode:
            return python
    pytest.skip("needs a Python 3.11 that an unprivileged user can run")


@pytest.fixture
def liar(python311):
    """Starts the script with a lie; returns the pid."""
    started = []

    def start(lie):
        # The user may not be able to read the source tree.
        with open(SCRIPT) as script:
            process = subprocess.Popen(as_user() + python311.command + ["-c", script.read(), lie],
                                       stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout.readline().startswith(b"ready"), lie
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def honest_blocks(report):
    return sum(row["blocks"] for row in report["census"]["rows"]
               if row["type"] == "__main__.Honest")


@pytest.mark.parametrize("lie", names_of_lies())
def test_lie(liar, snapshot, lie):
    pid = liar(lie)
    report = snapshot(pid, "--by", "owner", "--paths")
    assert honest_blocks(report) == 5000
    for counter, lies in COUNTED.items():
        assert (report["counters"][counter] > 0) == (lie in lies), counter
