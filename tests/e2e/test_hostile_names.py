"""A process whose names contain terminal escape sequences: the output of each command contains no
control characters except newlines."""
import re
import subprocess
import sys

import pytest
from bystanders import as_user
from conftest import TOP, run_pyfrag

# Characters that a terminal interprets as a command or displays as something else: see
# user/util/text.h.
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

COMMANDS = [
    ["snapshot"], ["snapshot", "--by", "type"], ["snapshot", "--by", "owner", "--paths"],
    ["snapshot", "--retained", "20"], ["doctor"], ["sites"],
    ["trace", "-d", "1", "-i", "1"],
    ["trace", "-d", "1", "-i", "1", "--mode", "full", "--sample-bytes", "1KiB"],
]


@pytest.fixture(scope="module")
def named():
    process = subprocess.Popen([*as_user(), sys.executable,
                                TOP + "/tests/hostile/programs/names.py"], cwd="/",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline().startswith(b"ready")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_that_a_terminal_obeys(named, command):
    result = run_pyfrag(*command, "-p", named.pid)
    assert result.returncode == 0 and len(result.stdout.splitlines()) > 3
    lines = (result.stdout + result.stderr).decode().split("\n")
    assert not [line for line in lines if OBEYED.search(line)]
