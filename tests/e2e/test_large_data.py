"""A Python embedded in a program with far more static data than a Python has. This does not hide
it, and searching the data takes neither much memory nor much time."""
import glob
import os
import subprocess

import pytest

import pythons
from conftest import PYTHONS_OF_SLOW_TESTS
from target import WORKLOADS, Target
from test_snapshot_oracle import assert_equal_to_stats

# Before 3.8, extension modules load the shared library, which is another Python.
EMBEDDABLE = [python for python in PYTHONS_OF_SLOW_TESTS
              if python.version >= (3, 8) and not python.root]


def ask(python, expression):
    return subprocess.run(python.command + ["-c", "import sys, sysconfig; print(%s)" % expression],
                          stdout=subprocess.PIPE, check=True).stdout.decode().strip()


@pytest.fixture(scope="module", params=EMBEDDABLE, ids=repr)
def large(request, tmp_path_factory):
    """A program with a Python linked into it."""
    python = request.param
    found = glob.glob(ask(python, "sysconfig.get_config_var('LIBPL')") + "/libpython*.a")
    include = ask(python, "sysconfig.get_path('include')")
    if not found or not os.path.exists(include + "/Python.h"):
        pytest.skip("%r comes without a static library or headers to link with" % python)
    libraries = ask(python, "sysconfig.get_config_var('MODLIBS')").split()
    program = str(tmp_path_factory.mktemp("large") / "large_data")
    subprocess.run(
        ["cc", "-O1", "-o", program, "-I" + include,
         "-DHOME=\"%s\"" % ask(python, "sys.base_prefix"),
         WORKLOADS + "/large_data.c", found[0], "-rdynamic", *libraries,
         "-ldl", "-lutil", "-lm", "-lpthread"],
        check=True)
    yield pythons.Python([program], "large-%r" % python)
    os.unlink(program)


@pytest.mark.slow
def test_is_read_as_any_other(large, snapshot):
    with Target(large) as target:
        target.run("class_instances", 3)
        report, stats = target.heap_oracle(lambda: snapshot(target.pid, "--max-memory", "16MiB"))
        assert report["python"]["version"].rstrip("+") == large.version_text
        assert_equal_to_stats(report, stats)
