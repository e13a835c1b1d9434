"""Pythons in other namespaces, or whose file was moved or replaced: pyfrag goes by the process' own
view."""
import os
import shutil
import subprocess
import sysconfig

import pytest

from conftest import PYTHONS, check_report, run_pyfrag
from target import WORKLOADS, Target
from test_trace_full import assert_complete

DEBIAN = [python for python in PYTHONS if python.name.startswith("debian-")]


class Running:
    """A command that prints "ready" on a line of its own and then waits until its stdin is
    closed."""

    def __init__(self, *command, **kwargs):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **kwargs)
        line = self.process.stdout.readline()
        assert line == b"ready\n", self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.communicate()


WAITING = (
    "import sys, json\n"
    "print('ready', flush=True)\n"
    "while sys.stdin.read(1):\n"
    "    [json.loads(json.dumps(list(range(50)))) for _ in range(300)]\n"
    "    print('done', flush=True)\n"
)


def traced_rounds(process, start_trace, pid=None):
    """Traces while the process does some rounds of work; returns the last report."""
    trace = start_trace("-p", pid or process.pid, "-i", "0.2")
    for _ in range(3):
        process.stdin.write(b"x")
        process.stdin.flush()
        assert process.stdout.readline() == b"done\n"
    report = trace.stop()[-1]
    assert report["tracing"]["allocs"] > 10000
    assert_complete(report["tracing"])
    return report


@pytest.fixture
def copied_python(tmp_path):
    """A copy of a Python that is one file and needs no other files."""
    if not DEBIAN:
        pytest.skip("needs a /usr/bin/python3.x")
    path = tmp_path / "python-copy"
    shutil.copy(DEBIAN[0].command[0], path)
    return str(path)


def test_deleted(copied_python, start_trace):
    with Running(copied_python, "-u", "-c", WAITING) as running:
        os.unlink(copied_python)
        report = traced_rounds(running.process, start_trace)
    assert report["process"]["exe"].endswith("(deleted)")


def test_replaced(copied_python, start_trace):
    """A file of the same name with other content must not be mistaken for it."""
    with Running(copied_python, "-u", "-c", WAITING) as running:
        os.unlink(copied_python)
        shutil.copy("/bin/ls", copied_python)
        traced_rounds(running.process, start_trace)


def test_other_name(copied_python, tmp_path, start_trace):
    """The file need not be called python."""
    path = str(tmp_path / "worker")
    os.rename(copied_python, path)
    with Running(path, "-u", "-c", WAITING) as running:
        traced_rounds(running.process, start_trace)


def test_other_namespaces(start_trace):
    """The target has mount and pid namespaces of its own, and another root directory."""
    script = ("mount --bind / /mnt && mount -t proc proc /mnt/proc && "
              "exec chroot /mnt %s -u -c \"$0\"" % PYTHONS[0].command[-1])
    unshare = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script, WAITING],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        line = unshare.stdout.readline()
        if line != b"ready\n":
            pytest.skip("no namespaces here: %s" % unshare.stderr.read().decode().strip())
        children = open("/proc/%d/task/%d/children" % (unshare.pid, unshare.pid)).read().split()
        pid = int(children[0])
        assert os.readlink("/proc/%d/ns/pid" % pid) != os.readlink("/proc/self/ns/pid")
        report = traced_rounds(unshare, start_trace, pid)
        assert report["process"]["pid"] == pid
    finally:
        unshare.stdin.close()
        unshare.kill()
        unshare.wait()


def test_pyfrag_in_a_pid_namespace_too(any_target):
    """pyfrag and its target in a pid namespace, where the numbers differ from the kernel's."""
    script = ("mount -t proc proc /proc; "
              "(echo 'run json_churn 1'; sleep 5; echo 'run json_churn 20'; sleep 4) | "
              "%s -u %s/target.py > /dev/null & "
              "sleep 1; %s trace -p $! -d 7 -i 1 --mode full --json"
              % (any_target.python.command[-1], WORKLOADS,
                 os.environ.get("PYFRAG", os.path.join(os.path.dirname(WORKLOADS), "../pyfrag"))))
    result = subprocess.run(["unshare", "--mount", "--pid", "--fork", "sh", "-c", script],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if b"unshare" in result.stderr:
        pytest.skip("no namespaces here: %s" % result.stderr.decode().strip())
    reports = [check_report(line) for line in result.stdout.splitlines()]
    assert reports, result.stderr
    assert reports[-1]["tracing"]["allocs"] > 10000
    assert_complete(reports[-1]["tracing"])


EMBEDDED = r"""
#include <Python.h>
#include <stdio.h>
int main(void)
{
	Py_Initialize();
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		PyRun_SimpleString("import json\n"
				   "for _ in range(300):\n"
				   "    json.loads(json.dumps(list(range(50))))\n");
		puts("done");
		fflush(stdout);
	}
	return 0;
}
"""

LOADED_LATE = r"""
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *python = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL);
	void (*initialize)(void) = python ? dlsym(python, "Py_Initialize") : 0;
	int (*run)(const char *) = python ? dlsym(python, "PyRun_SimpleString") : 0;
	if (!initialize || !run)
		return 1;
	initialize();
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		run("import json\nfor _ in range(300): json.loads(json.dumps(list(range(50))))\n");
		puts("done");
		fflush(stdout);
	}
	return 0;
}
"""


def compile_c(source, path, *flags):
    result = subprocess.run(["cc", "-x", "c", "-", "-o", str(path)] + list(flags),
                            input=source.encode(), stderr=subprocess.PIPE)
    if result.returncode:
        pytest.skip("cannot compile against libpython: " + result.stderr.decode().splitlines()[0])
    return str(path)


def config(*options):
    for name in ("/usr/bin/python3-config",):
        if os.path.exists(name):
            return subprocess.run([name] + list(options), stdout=subprocess.PIPE,
                                  check=True).stdout.decode().split()
    pytest.skip("needs python3-config: apt-get install python3-dev")


@pytest.mark.parametrize("flags", [["-no-pie"], ["-pie", "-fPIE"]], ids=["non-PIE", "PIE"])
def test_embedded(tmp_path, start_trace, flags):
    program = compile_c(EMBEDDED, tmp_path / "embedding", *flags, *config("--includes"),
                        *config("--ldflags", "--embed"))
    with Running(program) as running:
        report = traced_rounds(running.process, start_trace)
    assert report["process"]["comm"] == "embedding"
    # A target started by pyfrag that ends at once, because it has no input: it is still reported.
    started = run_pyfrag("trace", "--json", "--mode", "full", "--", program,
                         stdin=subprocess.DEVNULL)
    reports = [check_report(line) for line in started.stdout.splitlines() if line[:1] == b"{"]
    tracing = reports[-1]["tracing"]
    assert_complete(tracing)
    assert tracing["allocs"] > 1000
    # Traced from its first allocation on.
    assert reports[-1]["heap"]["live_blocks"] == tracing["allocs"] - tracing["frees"]


def test_library_loaded_late(tmp_path, start_trace):
    library = [word for word in (sysconfig.get_config_var("INSTSONAME"), "libpython3.11.so.1.0")
               if word and ".so" in word][0]
    program = compile_c(LOADED_LATE, tmp_path / "loading", "-ldl")
    process = subprocess.Popen([program, library], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    if process.stdout.readline() != b"ready\n":
        pytest.skip("needs a shared libpython")
    process.kill()
    process.communicate()
    with Running(program, library) as running:
        traced_rounds(running.process, start_trace)


def test_two_processes_of_one_file(start_trace):
    """Only the target is probed: the code of the other process of the same file is unchanged."""
    with Target(PYTHONS[0]) as target, Target(PYTHONS[0]) as other:
        listing = run_pyfrag("sites", "-p", target.pid).stdout.decode().splitlines()
        site = next(line.split() for line in listing if " alloc " in line)
        trace = start_trace("-p", target.pid)
        assert read_code(target.pid, int(site[1], 16)) == b"\xcc"
        assert read_code(other.pid, int(site[1], 16)) != b"\xcc"
        other.run("json_churn", 3)
        target.run("json_churn", 1)
        report = trace.stop()[-1]
        assert report["counters"]["hits_foreign"] == 0
        assert report["tracing"]["allocs"] > 1000
        assert read_code(target.pid, int(site[1], 16)) != b"\xcc"


def read_code(pid, offset):
    """The byte at a file offset of the executable or libpython, as mapped in the process."""
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            bounds, permissions, start, *_ = line.split()
            low, high = (int(part, 16) for part in bounds.split("-"))
            path = line.split()[-1]
            if "x" in permissions and "python" in path and (
                    int(start, 16) <= offset < int(start, 16) + high - low):
                with open("/proc/%d/mem" % pid, "rb") as memory:
                    memory.seek(low + offset - int(start, 16))
                    return memory.read(1)
    raise AssertionError("offset %#x is not mapped" % offset)
