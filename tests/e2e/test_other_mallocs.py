"""Memory of other allocators than glibc's malloc, as pyfrag reads it from outside, equals what they
say of it from inside."""
import ast
import glob
import json
import re
import shutil
import subprocess

import pytest

from conftest import PYTHONS, built_program
from target import WORKLOADS, Target

# The allocator depends on the release of Debian, not on the Python: one Python each will do.
ONE_OF_EACH_RELEASE = list({python.root: python for python in reversed(PYTHONS)}.values())
STATES = ("active", "unused", "returned", "metadata", "undivided")


def find_library(python, name):
    paths = sorted(glob.glob("%s/usr/lib/*/%s" % (python.root or "", name)))
    if not paths:
        pytest.skip("no %s in %s" % (name, python.root or "this system"))
    return paths[0][len(python.root or ""):]


def ask(target, call):
    return target.ask("eval __import__('other_malloc_oracle')." + call)


def read_both(target, snapshot):
    """A snapshot, what the allocator says of itself before and after it, and the anonymous memory
    at that moment."""
    for _ in range(10):
        before = ask(target, "state()")
        target.wait_until_blocked()
        report, anonymous = snapshot(target.pid), anonymous_bytes(target.pid)
        if ask(target, "state()") == before:
            return report, ast.literal_eval(before), anonymous
    raise AssertionError("the target does not come to rest")


def anonymous_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return 1024 * int(re.search(r"(?m)^Anonymous: +(\d+) kB", file.read()).group(1))


def check_memory(report, item):
    """The allocator has nearly all that is in no other part."""
    memory = report["memory"]
    parts = [item[state]["resident_bytes"] for state in STATES]
    assert sum(parts) == memory["other_mallocs"]["resident_bytes"]
    assert memory["malloc"]["resident_bytes"] == 0
    rest = memory["unexplained"]["resident_bytes"] + memory["break"]["resident_bytes"]
    assert rest < 0.01 * memory["resident_bytes"]


def check_release(target, item, anonymous):
    ask(target, "release()")
    released = anonymous - anonymous_bytes(target.pid)
    assert item["unused"]["resident_bytes"] > 4 << 20
    # Python frees and allocates a few hundred KiB for the call itself.
    assert abs(released - item["unused"]["resident_bytes"]) < 0.02 * released


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
@pytest.mark.parametrize("library", ("libjemalloc.so.2", "libtcmalloc_minimal.so.4",
                                     "libmimalloc.so.2.?"))
def test_equals_what_it_says(python, library, snapshot):
    environment = {
        "LD_PRELOAD": find_library(python, library),
        # Unused pages are not returned as time goes by.
        "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1",
    }
    with Target(python, env=environment) as target:
        ask(target, "fill(3000)")
        report, said, anonymous = read_both(target, snapshot)
        item, = report["other_mallocs"]
        assert item["name"] == library[3:11]
        if item["name"] != "mimalloc":
            assert re.match(r"\d+\.\d+", item["version"])
        assert find_library(python, library) in item["path"]
        assert item["skipped"] == item["undivided"]["mapped_bytes"] == 0
        seen = {state: item[state]["mapped_bytes"] for state in STATES if state in said}
        if "in_use_bytes" in said:
            seen["in_use_bytes"] = item["in_use_bytes"]
        if "in_use_allocations" in said:
            seen["in_use_allocations"] = item["in_use_allocations"]
        if "all" in said:
            # tcmalloc begins at the first of its pages of 8 KiB.
            seen["all"] = sum(item[state]["mapped_bytes"] for state in STATES) // 8192 * 8192
        assert seen == said
        assert item["in_use_bytes"] > 5 << 20
        assert item["in_use_allocations"] > 1000
        check_memory(report, item)
        if item["name"] != "mimalloc":  # mi_collect(true) of 2.0.9 releases nothing
            check_release(target, item, anonymous)


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_several_at_once(python, snapshot):
    """jemalloc is preloaded, and an extension has a mimalloc of its own. Versions of mimalloc that
    pyfrag cannot read are named as the ones that may have what is unexplained."""
    library = find_library(python, "libmimalloc.so.?.?")
    environment = {"LD_PRELOAD": find_library(python, "libjemalloc.so.2")}
    with Target(python, env=environment) as target:
        ask(target, "fill(300)")
        ask(target, "fill_from(%r)" % library)
        report = snapshot(target.pid)
    found = {item["name"]: item for item in report["other_mallocs"]}
    assert found["jemalloc"]["active"]["resident_bytes"] > 1 << 20
    if ".so.2" in library:
        assert library in found["mimalloc"]["path"]
        assert found["mimalloc"]["in_use_allocations"] == 1000
        assert report["loaded_mallocs"] == []
    else:
        assert list(found) == ["jemalloc"]
        named, = report["loaded_mallocs"]
        assert named["name"] == "mimalloc"
        assert library in named["path"]
        assert report["memory"]["unexplained"]["resident_bytes"] > 20 << 20


@pytest.mark.skipif(not shutil.which("musl-gcc"), reason="no musl-gcc: make test-deps")
@pytest.mark.parametrize("options", (["-static"], []), ids=("static", "dynamic"))
def test_mallocng_has_what_the_program_allocated(options, tmp_path):
    program = str(tmp_path / "program")
    subprocess.run(["musl-gcc", "-O1", *options, "-o", program,
                    WORKLOADS + "/mallocng_oracle.c"], check=True)
    with subprocess.Popen([program], stdout=subprocess.PIPE) as process:
        try:
            said = tuple(map(int, process.stdout.readline().split()))
            out = subprocess.run([built_program("print_other_mallocs"), str(process.pid)],
                                 stdout=subprocess.PIPE, check=True).stdout
            item, = map(json.loads, out.splitlines())
            with open("/proc/%d/smaps_rollup" % process.pid) as file:
                resident = 1024 * int(re.search(r"(?m)^Rss: +(\d+) kB", file.read()).group(1))
        finally:
            process.kill()
    assert item["name"] == "mallocng"
    assert (item["in_use_allocations"], item["in_use_bytes"]) == said
    assert said[0] == 20000
    assert item["skipped"] == 0
    assert item["active"] + item["unused"] + item["metadata"] > 0.95 * resident
