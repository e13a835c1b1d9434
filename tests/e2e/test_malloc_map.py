"""The map of malloc's heaps, against what a program has allocated and what the kernel says."""
import struct

import pytest

from conftest import PYTHONS, run_pyfrag
from target import Target
from test_malloc import ONE_OF_EACH_RELEASE, ask, look

PAGE = 4096


def resident_pages(pid, address, size):
    """Of each page whether it is in RAM."""
    with open("/proc/%d/pagemap" % pid, "rb") as file:
        file.seek(address // PAGE * 8)
        entries = file.read(-(-size // PAGE) * 8)
    return [entry >> 63 for entry, in struct.iter_unpack("<Q", entries)]


def expected_sign(used, free, top, in_ram):
    if used:
        return "=" if used >= free and free else "-" if free else "*"
    return " " if not in_ram else "^" if top == free else "."


def check_sectors(heap, pages, chunks, size):
    """All sectors whose bytes are in the chunks, each with whether it is in use, or in the top.
    Returns the characters that they are shown as."""
    start, sector = int(heap["address"], 16), heap["sector_bytes"]
    signs, count = set(), len(heap["sectors"])
    used, free, top = [0] * count, [0] * count, [0] * count
    parts = [(chunk - start, size, used if in_use else free) for chunk, in_use in chunks]
    parts.append((heap["bytes"] - heap["top_bytes"], heap["top_bytes"], top))
    for at, left, state in parts:
        while left:
            number = at // sector
            part = min(left, (number + 1) * sector - at)
            state[number] += part
            at, left = at + part, left - part
    for i in range(count):
        if used[i] + free[i] + top[i] < sector:
            continue
        in_ram = any(pages[i * sector // PAGE:-(-(i + 1) * sector // PAGE)])
        sign = expected_sign(used[i], free[i] + top[i], top[i], in_ram)
        assert (heap["sectors"][i], heap["sectors_in_use"][i]) == (sign, used[i])
        signs.add(sign)
    return signs


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_sectors_are_as_laid_out(target, snapshot):
    """In the arena of the thread there are only chunks that the program knows of."""
    size = 4000
    laid_out = [(block - 16, stays) for block, stays in ask(target, "lay_out_in_thread()")]
    target.wait_until_blocked()
    report = snapshot(target.pid, "--map")
    heap, = (heap for heap in report["malloc_map"]
             if int(heap["address"], 16) >> 26 == laid_out[0][0] >> 26)
    assert not heap["is_main"] and len(heap["sectors"]) <= 80 * 16
    top = int(heap["address"], 16) + heap["bytes"] - heap["top_bytes"]
    chunks = [(chunk, stays) for chunk, stays in laid_out if chunk < top]
    assert len(laid_out) - len(chunks) == 20
    pages = resident_pages(target.pid, int(heap["address"], 16), heap["bytes"])
    assert check_sectors(heap, pages, chunks, size + 16) == set("*=-.^ ")
    assert heap["resident_bytes"] == sum(pages) * PAGE


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_sums_are_what_malloc_says(target, snapshot):
    ask(target, "move_break()")  # which divides the heap of the main arena
    ask(target, "fill_in_threads(2, 5000)")
    report, said = look(target, lambda pid: snapshot(pid, "--map"))
    malloc, = report["malloc"]
    for arena in malloc["arenas"]:
        heaps = [heap for heap in report["malloc_map"] if heap["arena"] == arena["address"]]
        assert all(sum(heap["sectors_in_use"]) == heap["in_use_bytes"] for heap in heaps)
        assert sum(heap["in_use_bytes"] for heap in heaps) == arena["in_use"]["bytes"]
        assert sum(heap["bytes"] for heap in heaps) == arena["heap_bytes"]
        assert sum(heap["top_bytes"] for heap in heaps) == arena["top_bytes"]
    in_use = sum(heap["in_use_bytes"] for heap in report["malloc_map"])
    if said["mallinfo2"]:  # which counts tcaches and structures as in use
        assert said["mallinfo2"]["uordblks"] == (
            in_use + malloc["tcache"]["bytes"] + malloc["overhead_bytes"] + malloc["foreign_bytes"])
    assert sum(heap["is_main"] for heap in report["malloc_map"]) > 2
    free_in_ram = [heap["free_resident_bytes"] for heap in report["malloc_map"]]
    assert free_in_ram == sorted(free_in_ram, reverse=True)
    states = report["memory"]["malloc"]["states"]
    assert sum(free_in_ram) == states["free"] + states["tcache"] + states["top"]
    assert report["counters"]["heaps_undrawn"] == 0
    check_what_was_released(report, snapshot(target.pid, "--map"))


def check_what_was_released(before, after):
    """By malloc_trim(0), in the arenas of threads, which do not run."""
    was, now = ({heap["address"]: heap for heap in report["malloc_map"] if not heap["is_main"]}
                for report in (before, after))
    assert was.keys() == now.keys()
    for arena in before["malloc"][0]["arenas"][1:]:
        released = sum(heap["resident_bytes"] - now[address]["resident_bytes"]
                       for address, heap in was.items() if heap["arena"] == arena["address"])
        assert released == arena["free_resident_bytes"] > 0
    signs = [(a, b) for address, heap in was.items()
             for a, b in zip(heap["sectors"], now[address]["sectors"])]
    assert (".", " ") in signs
    assert all(a == b or (a, b) == (".", " ") for a, b in signs)


def test_without_arenas(snapshot):
    """Python's objects are in malloc's heaps, which are drawn once."""
    with Target(PYTHONS[0], env={"PYTHONMALLOC": "malloc"}) as target:
        target.wait_until_blocked()
        report = snapshot(target.pid, "--map")
        text = run_pyfrag("snapshot", "-p", target.pid, "--map").stdout.decode()
        assert "malloc_map" not in snapshot(target.pid)
    assert report["map"] == []
    heap, = report["malloc_map"]
    assert heap["is_main"] and heap["in_use_bytes"] > 1 << 20
    assert "\nMap of 0x" not in text
    assert text.count("\nHeap at %s of the main arena: " % heap["address"]) == 1
