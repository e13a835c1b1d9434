"""Other parts of a report, compared with independent sources."""
import os
import re
import subprocess
import threading

import pytest

from conftest import PYFRAG, TOP, check_report, run_pyfrag
from target import Target
from test_snapshot_oracle import assert_equal_to_stats
from test_trace_full import assert_complete


def smaps(pid):
    """The writable mappings: (start, end, resident bytes)."""
    found, writable = [], False
    with open("/proc/%d/smaps" % pid) as file:
        for line in file:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) .(.)", line)
            if match:
                writable = match.group(3) == "w"
                if writable:
                    found.append([int(match.group(1), 16), int(match.group(2), 16), 0])
            elif writable and line.startswith("Rss:"):
                found[-1][2] = int(line.split()[1]) * 1024
    return found


def test_resident_bytes_equal_smaps(target, snapshot):
    """Mappings that consist of arenas only are as resident as the report says those arenas are."""
    target.run("tuples_with_survivors")
    target.wait_until_blocked()
    report = snapshot(target.pid, "--below", "100%", "--blocks", "0")
    size = report["python"]["arena_size"]
    arenas = {int(arena["address"], 16): arena["resident_bytes"]
              for arena in report["pinned"]["list"]}
    compared = 0
    for start, end, resident in smaps(target.pid):
        inside = range(start, end, size)
        if (end - start) % size or not all(address in arenas for address in inside):
            continue
        assert sum(arenas[address] for address in inside) == resident
        compared += len(inside)
    assert compared >= len(arenas) // 2 > 2
    assert report["heap"]["resident_bytes"] >= sum(arenas.values())


def test_debug_hooks(python, snapshot, start_trace):
    if python.version < (3, 6):
        pytest.skip("%s has no PYTHONMALLOC" % python)
    with Target(python, env={"PYTHONMALLOC": "pymalloc_debug"}) as target:
        target.run("class_instances", 2)
        report, stats = target.heap_oracle(lambda: snapshot(target.pid))
        assert report["python"]["allocator"] == "pymalloc_debug"
        assert_equal_to_stats(report, stats)
        trace = start_trace("-p", target.pid, "-i", "0.2")
        for workload in ("json_churn", "growing_buffers", "class_instances"):
            target.run(workload)
        target.ask("drop")
        last = trace.stop()[-1]["tracing"]
        assert last["allocs"] > 10000
        assert_complete(last)


def test_pause(target, snapshot):
    target.run("class_instances", 3)
    target.wait_until_blocked()
    running, paused = snapshot(target.pid), snapshot(target.pid, "--pause")
    assert running["snapshot"]["paused_ms"] == 0 < paused["snapshot"]["paused_ms"]
    assert paused["snapshot"]["paused_ms"] >= paused["snapshot"]["duration_ms"]
    assert paused["heap"] == running["heap"]
    assert target.ask("eval 6 * 7") == "42"


def test_pause_under_load_is_exact(any_target, snapshot):
    """With the target paused, no pool changes while the heap is read."""
    any_target.send("run thread_churn 30")
    for _ in range(5):
        report = snapshot(any_target.pid, "--pause")
        assert report["snapshot"]["retried_pools"] == 0
    assert any_target.read() == "done"


def test_never_stopped(any_target):
    """The target is never stopped: its parent sees no stop, no stopped state is observed, and no
    process ptraces it."""
    stop = threading.Event()
    seen = set()

    def look():
        while not stop.is_set():
            with open("/proc/%d/status" % any_target.pid) as status:
                text = status.read()
            seen.add(re.search(r"State:\t(\w)", text).group(1))
            seen.add(re.search(r"TracerPid:\t(\d+)", text).group(1))

    watcher = threading.Thread(target=look)
    watcher.start()
    any_target.send("run thread_churn 20")
    for _ in range(20):
        run_pyfrag("snapshot", "-p", any_target.pid)
    run_pyfrag("trace", "-p", any_target.pid, "-d", "0.5", "-i", "0.1")
    run_pyfrag("trace", "-p", any_target.pid, "-d", "0.5", "-i", "0.1", "--mode", "full")
    stop.set()
    watcher.join()
    assert any_target.read() == "done"
    assert "T" not in seen and "t" not in seen and seen & {"R", "S"}
    assert {word for word in seen if word.isdigit()} == {"0"}
    assert os.waitid(os.P_PID, any_target.pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG) is None


def test_reading_does_not_change_the_target(any_target, snapshot):
    """Two readings of a sleeping target are equal, and its memory is unchanged, page by page."""
    any_target.run("talk")
    any_target.wait_until_blocked()
    before = smaps(any_target.pid)
    first, second = snapshot(any_target.pid), snapshot(any_target.pid)
    for key in ("heap", "size_classes", "pinned", "fragmentation"):
        if key == "pinned":
            assert first[key]["list"] == second[key]["list"]
        else:
            assert first[key] == second[key]
    assert smaps(any_target.pid) == before


def test_map(target, snapshot):
    target.run("tuples_with_survivors")
    target.wait_until_blocked()
    report = snapshot(target.pid, "--map", "--below", "100%", "--blocks", "1000000")
    assert sum(region["bytes"] for region in report["map"]) == report["heap"]["arena_bytes"]
    live = {int(block["address"], 16): block["size"]
            for arena in report["pinned"]["list"] for block in arena["blocks"]}
    covered = 0
    for region in report["map"]:
        start, sector = int(region["address"], 16), region["sector_bytes"]
        sectors = region["sectors"]
        assert len(sectors) == -(-region["bytes"] // sector) <= 80 * 40
        assert (sectors.count("*"), sectors.count("-"), sectors.count(" ")) == (
            region["used_sectors"], region["fragmented_sectors"], region["free_sectors"])
        inside = {address: size for address, size in live.items()
                  if start <= address < start + region["bytes"]}
        covered += len(inside)
        # A sector is blank exactly if no live block touches it.
        touched = set()
        for address, size in inside.items():
            touched.update(range((address - start) // sector,
                                 (address + size - 1 - start) // sector + 1))
        assert {at for at, char in enumerate(sectors) if char != " "} == touched
        assert region["fragmentation"] == pytest.approx(
            1 - sum(inside.values()) / region["bytes"])
    assert covered == report["heap"]["live_blocks"]

    text = run_pyfrag("snapshot", "-p", target.pid, "--map").stdout.decode()
    drawn = [line for line in text.splitlines() if line and not line.strip(" -*")]
    assert drawn and all(len(line) <= 80 for line in drawn)
    assert text.count("; free sectors ") == len(report["map"])


def test_text_says_what_json_says(any_target, snapshot):
    any_target.run("tuples_with_survivors")
    any_target.wait_until_blocked()
    report = snapshot(any_target.pid)
    text = run_pyfrag("snapshot", "-p", any_target.pid).stdout.decode()
    verdict = next(line for line in text.splitlines() if line.startswith("=> "))
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?![\d.]| ?[KMG]iB)",
                                                                     verdict)]
    assert report["pinned"]["live_blocks"] in numbers
    assert report["pinned"]["arenas"] in numbers and report["heap"]["arenas"] in numbers
    for arena in report["pinned"]["list"][:10]:
        assert arena["address"] in text
    assert "%.1f %%" % (100 * report["fragmentation"]) in text
    assert "{:,}".format(report["heap"]["live_blocks"]) in text


def total_arenas(stats):
    return stats.number(r"# arenas allocated total")


@pytest.mark.slow
def test_arena_events_equal_the_allocators_own_count(target, start_trace):
    if target.python.version < (3, 3):
        pytest.skip("%s does not tell how many arenas it has mapped" % target.python)
    _, before = target.heap_oracle(lambda: None)
    trace = start_trace("-p", target.pid)
    for _ in range(3):
        target.run("tuples_with_survivors")
        target.ask("drop")
    last = trace.stop()[-1]
    _, after = target.heap_oracle(lambda: None)
    mapped = total_arenas(after) - total_arenas(before)
    assert mapped > 10
    assert last["tracing"]["arenas_mapped"] == mapped
    assert last["tracing"]["arenas_unmapped"] == mapped - (after.arenas - before.arenas)


def full_collections(target):
    """Full collections, from Python itself; gc has no such statistics in 2.7."""
    return int(target.ask("eval __import__('gc').get_stats()[2]['collections']"))


def test_freelist_clears(python, target, start_trace):
    counted = python.version[0] > 2
    before = full_collections(target) if counted else 0
    trace = start_trace("-p", target.pid)
    for _ in range(5):
        target.ask("gc")
    after = full_collections(target) if counted else 5
    target.wait_until_blocked()
    assert trace.stop()[-1]["tracing"]["freelist_clears"] == after - before >= 5


def test_sites_are_in_the_allocators_functions(python, target):
    """Where the file has symbols, the probe sites are in the functions where they should be."""
    listed = run_pyfrag("sites", "-p", target.pid, "--no-cache").stdout.decode().splitlines()
    path = next((line.split()[-1] for line in open("/proc/%d/maps" % target.pid)
                 if re.search(r"/libpython\S*\.so", line)), None)
    if not path or python.root:
        pytest.skip("the file has no symbols to compare with")
    symbols = sorted(
        (int(parts[0], 16), parts[2]) for parts in
        (line.split() for line in subprocess.run(
            ["nm", path], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines())
        if len(parts) == 3 and parts[1] in "tT")
    assert symbols, "a libpython without symbols"
    seen = set()
    for line in listed[1:]:
        match = re.match(r"(0x[0-9a-f]+) +0x[0-9a-f]+ +(alloc|free|new pool|arena \w+) ", line)
        if not match:
            continue
        address = int(match.group(1), 16)
        name = [name for start, name in symbols if start <= address][-1]
        seen.add(match.group(2))
        assert re.match(r"_?(PyObject|PyMem|pymalloc|allocate_from_new_pool|new_arena|"
                        r"insert_to_freepool|free_obmalloc_arenas|"
                        r"PyInterpreterState_FinalizeAllocatedBlocks)", name), (line, name)
    assert {"alloc", "free", "new pool", "arena map", "arena unmap"} <= seen


def test_doctor(any_target):
    lines = run_pyfrag("doctor", "-p", any_target.pid).stdout.decode().splitlines()
    assert all(line.split()[0] in ("ok", "note") for line in lines)
    assert any("CPython " + any_target.python.version_text in line for line in lines)
    result = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all",
                             PYFRAG, "doctor"], stdout=subprocess.PIPE)
    failures = [line for line in result.stdout.decode().splitlines() if line.startswith("FAIL")]
    assert result.returncode == 1
    assert any("CAP_BPF" in line for line in failures)


def test_help_and_version():
    usage = run_pyfrag("--help").stdout.decode()
    for command in ("trace", "snapshot", "sites", "doctor"):
        assert command in usage
        text = run_pyfrag(command, "--help").stdout.decode()
        assert text.startswith("Usage: pyfrag " + command)
        assert "--help" in text
    assert re.fullmatch(r"pyfrag \d+\.\d+\.\d+\n", run_pyfrag("--version").stdout.decode())


def test_install(tmp_path, any_target):
    subprocess.run(["make", "-s", "-C", TOP, "install", "DESTDIR=%s" % tmp_path, "PREFIX=/opt/x"],
                   check=True, stdout=subprocess.PIPE)
    installed = tmp_path / "opt/x/sbin/pyfrag"
    out = subprocess.run([str(installed), "snapshot", "-p", str(any_target.pid), "--json"],
                         stdout=subprocess.PIPE, check=True).stdout
    check_report(out)


def test_other_interpreters_are_seen(target, snapshot):
    """Interpreters with allocators of their own: what one keeps alive is part of the reported
    heap."""
    if target.python.version < (3, 12):
        pytest.skip("all of its interpreters share one allocator")
    target.wait_until_blocked()
    before = snapshot(target.pid)["heap"]["live_blocks"]
    target.run("subinterpreters")
    target.wait_until_blocked()
    after = snapshot(target.pid)
    assert after["heap"]["live_blocks"] > before + 2000
    assert after["counters"]["interpreters_skipped"] == 0
