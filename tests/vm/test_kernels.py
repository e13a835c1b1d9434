"""A whole trace on other kernels, in virtual machines: what init says, asserted."""
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


@pytest.fixture(scope="session")
def initramfs(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("vm") / "initramfs.gz")
    subprocess.run([HERE + "/make_initramfs.sh", os.environ.get("PYFRAG", TOP + "/pyfrag"), path],
                   check=True)
    return path


def boot(kernel, initramfs):
    """What the machine said, by the first word. An emulated processor sometimes makes a kernel panic
    before it has come to init: then it is booted again."""
    for _ in range(3):
        said, out = boot_once(kernel, initramfs)
        if said:
            break
    assert "end" in said, out[-3000:]
    return said


def boot_once(kernel, initramfs):
    out = subprocess.run(
        ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "2",
         "-nographic", "-no-reboot", "-kernel", kernel, "-initrd", initramfs,
         "-append", "console=ttyS0 quiet panic=-1"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
    ).stdout.decode(errors="replace")
    said = {}
    for line in out.splitlines():
        match = re.search(r"VM (\w+) ?(.*)", line)
        if match:
            said.setdefault(match.group(1), []).append(match.group(2).rstrip("\r"))
    return said, out


def test_some_kernel_is_there():
    if not KERNELS:
        pytest.skip("no kernels: tests/matrix/fetch_kernels.sh, PYFRAG_TEST_KERNELS=DIRECTORY")


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.rsplit("vmlinuz-", 1)[1])
def test_traces(kernel, initramfs):
    said = boot(kernel, initramfs)
    assert said["status"] == ["0"], said.get("stderr")
    assert all(line.split()[0] in ("ok", "note") for line in said["doctor"]), said["doctor"]
    assert said["answer"].count("done") == 6
    reports = [check_report(line) for line in said["report"]]
    for report in reports:
        assert_complete(report["tracing"])
    last = reports[-1]["tracing"]
    assert last["allocs"] > 100000 and last["frees"] > 100000
    assert last["arenas_mapped"] > 0 and last["arenas_unmapped"] > 0
    assert reports[-1]["counters"]["hits_unknown_site"] == 0
    assert "leftover" not in said
    # BPF tells of a Python that comes later.
    assert said["all_status"] == ["0"] and "all_stderr" not in said, said.get("all_stderr")
    found = {report["process"]["pid"] for report in map(check_report, said["all"])}
    assert int(said["later"][0]) in found and len(found) == 2
