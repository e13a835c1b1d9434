"""glibc's malloc as pyfrag reads it from outside equals what it says of itself from inside."""
import ast
import collections
import json
import re
import shutil
import subprocess
import time

import pytest

from conftest import PYFRAG, PYTHONS, TOP, built_program, check_report
from target import WORKLOADS

# malloc depends on the release of Debian, not on the Python: one Python each will do.
ONE_OF_EACH_RELEASE = list({python.root: python for python in reversed(PYTHONS)}.values())

# What is allocated, and whether there are arenas of threads then.
FILLS = {
    "nothing": (),
    "one arena": ("fill_here()",),
    "divided mappings": ("fill_here(2)", "divide_mappings()"),
    "threads": ("fill_here(2)", "fill_in_threads()"),
    "break moved by others": ("move_break()",),
    "break refused for some time": ("block_break()", "fill_here(2, 5000)",
                                    "unblock_break()", "fill_here(4, 5000)"),
}


def parse(answer):
    """The value that a target, perhaps of Python 2, has answered with."""
    return ast.literal_eval(re.sub(r"(\d)L", r"\1", answer))


def ask(target, call):
    return parse(target.ask("eval __import__('malloc_oracle')." + call))


def anonymous_bytes(pid):
    """Of a process, including pages of hugetlbfs."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        found = re.findall(r"(?m)^(?:Anonymous|Private_Hugetlb): +(\d+) kB", file.read())
    assert len(found) == 2
    return 1024 * sum(map(int, found))


def look(target, snapshot):
    """A snapshot, and what malloc says of itself at that moment."""
    target.send("eval __import__('malloc_oracle').hold_still()")
    assert target.read() == "waiting"
    target.wait_until_blocked()
    report, before = snapshot(target.pid), anonymous_bytes(target.pid)
    assert target.ask("") == "trimmed"
    trimmed = before - anonymous_bytes(target.pid)
    said = dict(parse(target.ask("")), trim=trimmed)
    if "fast" not in said["malloc_info"]:
        # glibc 2.43, which counts a mapped chunk 16 bytes too large each time it is resized.
        chunks, size = said["malloc_info"]["mmap"]
        said["malloc_info"].update(fast=(0, 0), mmap=(chunks, size // 4096 * 4096))
        said["mallinfo2"]["hblkhd"] = said["mallinfo2"]["hblkhd"] // 4096 * 4096
    return report, said


def mapped_of(malloc):
    """Mapped chunks: how many, and their bytes. malloc counts those in a tcache as in use."""
    return tuple(malloc["mapped"][what] + malloc["mapped_cached"][what]
                 for what in ("chunks", "bytes"))


def loader_of(program):
    """The program's loader (PT_INTERP), which can also be started by itself."""
    headers = subprocess.check_output(["readelf", "--wide", "--program-headers", program])
    return re.search(rb"interpreter: ([^\]]+)\]", headers).group(1).decode()


def as_malloc_info(malloc):
    """What malloc_info() would say. It adds up the size words of free chunks, each of which has
    the flag PREV_INUSE (1), too."""
    free = malloc["free"]
    return {
        "fast": (malloc["fastbins"]["chunks"], malloc["fastbins"]["bytes"]),
        "rest": (free["chunks"] + len(malloc["arenas"]),
                 free["bytes"] + malloc["top_bytes"] + free["chunks"]),
        "mmap": mapped_of(malloc),
        "system": malloc["heap_bytes"] + malloc["foreign_bytes"],
    }


def as_mallinfo(malloc):
    """What mallinfo2() would say, by pyfrag's report."""
    available = malloc["free"]["bytes"] + malloc["fastbins"]["bytes"] + malloc["top_bytes"]
    return {
        "arena": malloc["heap_bytes"] + malloc["foreign_bytes"],
        "ordblks": malloc["free"]["chunks"] + len(malloc["arenas"]),
        "smblks": malloc["fastbins"]["chunks"],
        "hblks": mapped_of(malloc)[0],
        "hblkhd": mapped_of(malloc)[1],
        "fsmblks": malloc["fastbins"]["bytes"],
        "uordblks": malloc["heap_bytes"] + malloc["foreign_bytes"] - available,
        "fordblks": available,
        "keepcost": malloc["arenas"][0]["top_bytes"],
    }


def check_longest_run(malloc, free):
    """With what malloc_info() says of free chunks: (in what, least size, largest size, number)."""
    tops = [arena["top_bytes"] for arena in malloc["arenas"]]
    longest = max(tops + [most for _, _, most, _ in free])
    if malloc["fastbins"]["chunks"]:  # which are merged
        assert malloc["longest_free_bytes"] >= longest
    else:
        assert malloc["longest_free_bytes"] == longest


def check_sizes(malloc, free):
    """All classes together are the totals. Each class has as many chunks as malloc_info() says are
    in its bins, but for those not sorted yet, and for bins that extend over two classes."""
    classes = malloc["sizes"]
    for part in ("in_use", "tcache", "mapped"):
        assert sum(each[part]["chunks"] for each in classes) == malloc[part]["chunks"]
        assert sum(each[part]["bytes"] for each in classes) == malloc[part]["bytes"]
    for what in ("chunks", "bytes"):
        assert (sum(each["free"][what] for each in classes) ==
                malloc["free"][what] + malloc["fastbins"][what])
    unknown = 0
    rest = {each["largest"]: each["free"]["chunks"] for each in classes}
    for kind, least, most, count in free:
        among = {min(largest for largest in rest if largest >= size) for size in (least, most)}
        if kind == "size" and len(among) == 1:
            rest[among.pop()] -= count
        else:
            unknown += count
    assert min(rest.values()) >= 0
    assert sum(rest.values()) == unknown
    return unknown


def check_threads(report, first_is_known):
    """Each arena is that of as many threads as it says itself. Of the first thread this is not
    known before glibc 2.34, whose list of threads it is not in."""
    malloc, = report["malloc"]
    main = malloc["arenas"][0]["address"]
    found = collections.Counter(stack["malloc_arena"]
                                for stack in report["memory"]["stacks"]["list"] if stack["thread"])
    assert found[None] == (0 if first_is_known else 1)
    found[main] += found.pop(None, 0)
    assert found == {arena["address"]: arena["threads"] for arena in malloc["arenas"]}


def check_equal(malloc, said):
    """All figures of a malloc are what it has said of itself, and nothing is left out."""
    free = said["malloc_info"].pop("free")
    assert as_malloc_info(malloc) == said["malloc_info"]
    check_longest_run(malloc, free)
    assert check_sizes(malloc, free) < malloc["free"]["chunks"]
    if said["mallinfo2"]:  # from glibc 2.33 on
        del said["mallinfo2"]["usmblks"]
        assert as_mallinfo(malloc) == said["mallinfo2"]
    assert malloc["trim_releases_bytes"] == said["trim"]
    assert malloc["lost_bytes"] == malloc["lists_torn"] == malloc["windows_torn"] == 0
    assert malloc["missing_bytes"] == malloc["arenas_damaged"] == 0


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
@pytest.mark.parametrize("fills", FILLS.values(), ids=FILLS.keys())
def test_equals_what_malloc_says(target, snapshot, fills):
    for fill in fills:
        ask(target, fill)
    report, said = look(target, snapshot)
    malloc, = report["malloc"]
    check_equal(malloc, said)
    check_threads(report, said["mallinfo2"])
    assert said["trim"] == malloc["arenas"][0]["top_resident_bytes"] + sum(
        arena["free_resident_bytes"] for arena in malloc["arenas"])
    if fills:
        assert malloc["in_use"]["bytes"] > 10 << 20
        assert said["trim"] > 1 << 20
    memory = report["memory"]
    assert memory["unexplained"]["resident_bytes"] < 0.05 * memory["resident_bytes"]
    if "divide_mappings()" in fills:
        assert malloc["mapped"]["chunks"] >= 20
    if "fill_in_threads()" in fills:
        assert len(malloc["arenas"]) >= 4
        assert malloc["tcache"]["chunks"] > 100


LINKED = {"dynamic": [], "static": ["-static"], "static-pie": ["-static-pie"]}
MALLINFO2 = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
             "fordblks", "keepcost")


@pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc: make test-deps")
@pytest.mark.parametrize("linked", list(LINKED) + ["started by ld.so"])
def test_programs_other_than_python(linked, tmp_path):
    """In a static program malloc is part of the program, without a version, symbols or a library's
    mapping."""
    program = str(tmp_path / "program")
    subprocess.run(["gcc", "-O1", "-s", *LINKED.get(linked, []), "-o", program,
                    WORKLOADS + "/malloc_oracle.c"], check=True)
    start = [program] if linked in LINKED else [loader_of(program), program]
    with subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"waiting\n"
            malloc, = json.loads(subprocess.check_output(
                [built_program("print_mallocs"), str(process.pid)]))
            before = anonymous_bytes(process.pid)
            process.stdin.write(b"\n")
            process.stdin.flush()
            word, *numbers = process.stdout.readline().split()
            trimmed = before - anonymous_bytes(process.pid)
        finally:
            process.kill()
    said = dict(zip(MALLINFO2, map(int, numbers)))
    del said["usmblks"]
    assert word == b"trimmed" and as_mallinfo(malloc) == said
    assert malloc["trim_releases_bytes"] == trimmed > 1 << 20
    assert len(malloc["arenas"]) == 4
    assert malloc["lost_bytes"] == malloc["lists_torn"] == malloc["windows_torn"] == 0


def test_sizes_that_stand_out(any_target, snapshot):
    ask(any_target, "fill_with_sizes({3000: 5000, 40000: 200, 1000000: 150})")
    any_target.wait_until_blocked()
    malloc, = snapshot(any_target.pid)["malloc"]
    found = {each["size"]: each["chunks"] for each in malloc["sizes_standing_out"]}
    assert set(found) == {3008, 1003520}  # with header, and of whole pages
    assert 5000 <= found[3008] < 5010 and 150 <= found[1003520] < 153


def test_while_threads_allocate(any_target, snapshot):
    """Figures of arenas and heaps stay right, and all chunks are walked. Lists of chunks that are
    kept for reuse change all the time, and may break off."""
    any_target.ask("eval __import__('ctypes').CDLL(%r).churn(3)"
                   % (TOP + "/build/tests/e2e/preload/churn.so"))
    time.sleep(0.5)  # arenas come into being
    for _ in range(5):
        malloc, = snapshot(any_target.pid)["malloc"]
        assert malloc["lost_bytes"] == malloc["arenas_damaged"] == 0
        chunks = malloc["in_use"]["chunks"] + malloc["free"]["chunks"]
        assert malloc["windows_torn"] <= 1e-4 * chunks
        assert len(malloc["arenas"]) >= 4
        used = sum(malloc[part]["bytes"] for part in ("in_use", "free", "fastbins", "tcache"))
        assert used + malloc["top_bytes"] + malloc["overhead_bytes"] == malloc["heap_bytes"]
        # Each thread has 10,000 to 20,000 blocks of 316 bytes or more on the average.
        assert malloc["in_use"]["bytes"] > 3 * 10000 * 316


def test_a_trace_follows_it(any_target, snapshot, start_trace):
    trace = start_trace("-p", any_target.pid, "-i", "0.1", "--budget", "0", "--map")
    ask(any_target, "fill_here(2)")
    any_target.wait_until_blocked()
    first, *_, last = trace.stop()
    report = snapshot(any_target.pid, "--map")
    for malloc in last["malloc"] + report["malloc"]:
        for hint in malloc["hints"]:
            del hint["text"]  # with a share of the resident set, which reading its files changes
    assert last["malloc"] == report["malloc"] and last["malloc_map"] == report["malloc_map"]
    assert last["malloc"][0]["in_use"]["bytes"] > first["malloc"][0]["in_use"]["bytes"] + (10 << 20)
    assert last["memory"]["age_s"] < 1 and last["counters"]["memory_skipped"] == 0


def test_a_trace_does_not_read_it_again_while_nothing_runs(any_target, trace):
    any_target.wait_until_blocked()
    reports = trace(any_target.pid, "-i", "0.1", "-d", "0.5", "--budget", "0")
    ages = [report["memory"]["age_s"] for report in reports]
    assert len(ages) >= 3 and ages == sorted(set(ages))
    assert all(report["malloc"] == reports[0]["malloc"] for report in reports)


WITHOUT_SCAN = [TOP + "/build/tests/e2e/without_call", "ioctl"]
WITHOUT_FRAMES = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


def look_as(pid, wrapper, *options):
    return subprocess.run(wrapper + [PYFRAG, "snapshot", "-p", str(pid)] + list(options),
                          check=True, timeout=120, stdout=subprocess.PIPE).stdout


def test_says_whether_unwritten_memory_counts_as_resident(any_target):
    """The kernel tells it apart (Linux 6.7), or shows page frames (CAP_SYS_ADMIN), or neither."""
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv (util-linux)")
    views = ([], WITHOUT_SCAN, WITHOUT_SCAN + WITHOUT_FRAMES)
    ask(any_target, "free_unwritten()")
    (*exact, bound), said = look(any_target, lambda pid: [
        check_report(look_as(pid, view, "--json")) for view in views])
    for report in exact:
        assert not report["memory"]["resident_is_upper_bound"]
        assert report["malloc"][0]["trim_releases_bytes"] == said["trim"]
    assert bound["memory"]["resident_is_upper_bound"] and bound["heap"]["resident_is_upper_bound"]
    assert bound["malloc"][0]["trim_releases_bytes"] > said["trim"] + (8 << 20)
    for view, is_said in zip(views, (False, False, True)):
        assert (b"are upper bounds" in look_as(any_target.pid, view)) == is_said


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
@pytest.mark.parametrize("before", [(), ("block_break()", "fill_here(2, 2000)")],
                         ids=["with break", "without break"])
def test_two_libcs(target, snapshot, before):
    """Each has a malloc of its own. Only that of the first one may use the heap by brk()."""
    for call in before + ("fill_second_libc()", "ask_second_libc()"):
        ask(target, call)
    said = ask(target, "ask_second_libc()")
    target.wait_until_blocked()
    mallocs = snapshot(target.pid)["malloc"]
    assert len(mallocs) == 2
    for malloc in mallocs:
        assert malloc["missing_bytes"] == malloc["arenas_damaged"] == malloc["lost_bytes"] == 0
        assert [arena["system_bytes"] for arena in malloc["arenas"]] == [
            arena["heap_bytes"] for arena in malloc["arenas"]]
    other = min(mallocs, key=lambda malloc: abs(malloc["in_use"]["chunks"] - 2000))
    if said:  # from glibc 2.33 on
        found = as_mallinfo(other)
        for name in ("arena", "ordblks", "uordblks", "fordblks", "keepcost"):
            assert found[name] == said[name]
    resident = anonymous_bytes(target.pid)
    ask(target, "trim_second_libc()")
    assert resident - anonymous_bytes(target.pid) == other["trim_releases_bytes"] > 1 << 20
