"""Traces CPython's own tests from their first allocation to their last: the events alone must
account for everything.

They take minutes each and are therefore not part of make check. Whether the tests pass does not
matter: some fail when they are slowed down.
"""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, TOP + "/tests/e2e")

from conftest import PYFRAG, PYTHONS, check_report  # noqa: E402
from test_trace_full import assert_complete  # noqa: E402

SUITES = ["test_interpreters", "test_threading", "test_asyncio", "test_json", "test_gc",
          "test_weakref"]
# A suite may wait for ever: 3.11's test_interpreters was seen to, in Py_EndInterpreter(), for a
# thread that had ended. After 15 minutes it is ended.
RUN = """
import faulthandler, sys, unittest
faulthandler.dump_traceback_later(900, exit=True)
unittest.main(module=None, argv=["unittest", "-q", sys.argv[1]])
"""
TRACED = [python for python in PYTHONS if python.version >= (3, 11) and not python.root]


def skip_unless_there(python, suite):
    found = subprocess.run(python.command + ["-c", "import test.support, test.%s" % suite],
                           stderr=subprocess.PIPE)
    if found.returncode:
        pytest.skip("no %s: %s" % (suite, found.stderr.decode().splitlines()[-1]))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("python", TRACED, ids=repr)
def test_own_suite(python, suite, tmp_path):
    skip_unless_there(python, suite)
    result = subprocess.run(
        [PYFRAG, "trace", "--json", "--mode", "full", "-i", "10", "--", *python.command,
         "-c", RUN, "test." + suite],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=str(tmp_path),
        timeout=3600)
    # Tests may write to stdout, too.
    reports = [check_report(line) for line in result.stdout.splitlines() if line.startswith(b'{"')]
    assert reports, result.stderr[-2000:]
    last = reports[-1]
    print("%s %s:" % (python, suite), last["tracing"],
          {name: cnt for name, cnt in last["counters"].items() if cnt})
    assert_complete(last["tracing"])
    assert last["tracing"]["allocs"] > 10000
