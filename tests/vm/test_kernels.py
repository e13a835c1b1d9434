"""On other kernels, in virtual machines: a whole trace, and the end-to-end tests that depend on the
kernel. Asserts on what init prints."""
import glob
import json
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, TOP + "/tests/e2e")

from conftest import check_report  # noqa: E402
from test_trace_full import assert_complete  # noqa: E402

KERNELS = sorted(glob.glob(os.environ.get("PYFRAG_TEST_KERNELS", "/nowhere") + "/*vmlinuz*"))
PROGRAMS = os.environ.get("PYFRAG_TEST_PROGRAMS", TOP + "/build/tests/e2e")

each_kernel = pytest.mark.parametrize("kernel", KERNELS,
                                      ids=lambda path: path.rsplit("vmlinuz-", 1)[1])


@pytest.fixture(scope="session")
def initramfs(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("vm") / "initramfs.gz")
    subprocess.run([HERE + "/make_initramfs.sh", os.environ.get("PYFRAG", TOP + "/pyfrag"),
                    PROGRAMS, path],
                   check=True)
    return path


def boot(kernel, initramfs, task):
    """Returns the machine's output by the first word of each line. An emulated processor sometimes
    makes a kernel panic before init starts; the machine is then booted again."""
    for _ in range(3):
        said, out = boot_once(kernel, initramfs, task)
        if said:
            break
    assert "end" in said, out[-3000:]
    return said


def boot_once(kernel, initramfs, task):
    out = subprocess.run(
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "2048", "-smp", "2",
         "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", initramfs,
         "-append", "console=ttyS0 quiet no_timer_check panic=-1 task=%s" % task],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3600,
    ).stdout.decode(errors="replace")
    said = {}
    for line in out.splitlines():
        match = re.search(r"VM (\w+) ?(.*)", line)
        if match:
            said.setdefault(match.group(1), []).append(match.group(2).rstrip("\r"))
    return said, out


def test_some_kernel_is_there():
    if not KERNELS:
        pytest.skip("needs kernels: tests/matrix/fetch_kernels.sh, PYFRAG_TEST_KERNELS=DIRECTORY")


@each_kernel
def test_traces(kernel, initramfs):
    said = boot(kernel, initramfs, "trace")
    assert said["status"] == ["0"], said.get("stderr")
    assert said["doctor_status"] == ["0"]
    assert all(line.split()[0] in ("ok", "note") for line in said["doctor"]), said["doctor"]
    assert said["snapshot_status"] == ["0"] and "snapshot_stderr" not in said
    check_report(said["snapshot"][0])
    assert said["answer"].count("done") == 6
    reports = [check_report(line) for line in said["report"]]
    for report in reports:
        assert_complete(report["tracing"])
    last = reports[-1]["tracing"]
    assert last["allocs"] > 100000 and last["frees"] > 100000
    assert last["arenas_mapped"] > 0 and last["arenas_unmapped"] > 0
    assert reports[-1]["counters"]["hits_unknown_site"] == 0
    assert "leftover" not in said
    # BPF reports a Python that starts later.
    assert said["all_status"] == ["0"] and "all_stderr" not in said, said.get("all_stderr")
    found = {report["process"]["pid"] for report in map(check_report, said["all"])}
    assert int(said["later"][0]) in found and len(found) == 2


@each_kernel
def test_end_to_end(kernel, initramfs):
    said = boot(kernel, initramfs, "e2e")
    what_it_said = "\n".join(said.get("pytest", []) + said.get("outcome", []) + said.get("why", []))
    assert said["e2e_status"] == ["0"] and "why" not in said, what_it_said
    assert "leftover" not in said
    passed = [line.split()[1].split("/")[-1] for line in said["outcome"]
              if line.startswith("passed ")]
    print("\n".join(said["outcome"]))
    # All of the selected tests were run.
    with open(HERE + "/e2e_tests") as file:
        for selected in file:
            name = selected.strip()
            assert selected.startswith("#") or any(re.match(re.escape(name) + r"(?!\w)", test)
                                                   for test in passed), selected
