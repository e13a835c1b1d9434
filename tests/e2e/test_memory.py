"""The memory of a process, as pyfrag reports it, equals what the kernel and malloc say."""
import ast
import re
import sqlite3

import pytest

MIB = 1 << 20


def smaps_rss(pid):
    with open("/proc/%d/smaps" % pid) as file:
        return sum(int(size) * 1024 for size in re.findall(r"^Rss: +(\d+) kB", file.read(), re.M))


def look(target, snapshot, *args):
    target.wait_until_blocked()
    return snapshot(target.pid, *args)


def ask(target, call):
    return ast.literal_eval(target.ask("eval __import__('objects_oracle')." + call))


def resident(report, part):
    return report["memory"][part]["resident_bytes"]


def test_parts_add_up_to_rss(target, snapshot):
    target.run("class_instances")
    ask(target, "start_threads(3)")
    report = look(target, snapshot)
    memory = report["memory"]
    parts = [part for part in memory if isinstance(memory[part], dict)]
    for what in ("resident_bytes", "mapped_bytes"):
        assert sum(memory[part][what] for part in parts) == memory[what]
    # Reading has made pages resident that were not before.
    assert memory["resident_bytes"] == pytest.approx(smaps_rss(target.pid), rel=0.01)
    assert memory["arenas"]["resident_bytes"] == report["heap"]["resident_bytes"]
    assert memory["arenas"]["mapped_bytes"] == report["heap"]["arena_bytes"]
    assert memory["stacks"]["resident_bytes"] >= 3 * 4096
    assert memory["unexplained"]["resident_bytes"] < 0.05 * memory["resident_bytes"]


def test_planted_memory_is_where_it_belongs(target, snapshot):
    ask(target, "map_private(4096)")  # ctypes allocates some itself
    before = look(target, snapshot)
    planted = ask(target, "plant_outside()")
    large = look(target, snapshot)
    grown = resident(large, "malloc") - resident(before, "malloc")
    # Before 3, numbers came from malloc(), too.
    most = 1.05 if target.python.version >= (3,) else 1.2
    assert 0.95 < grown / sum(planted.values()) < most
    ask(target, "map_private(%d)" % (20 * MIB))
    strange = look(target, snapshot)
    assert resident(strange, "unexplained") - resident(large, "unexplained") == pytest.approx(
        20 * MIB, rel=0.01)
    assert resident(strange, "malloc") == pytest.approx(resident(large, "malloc"), rel=0.01)


def test_frame_stacks(target, snapshot):
    """From 3.11 on each thread has chunks for the frames of Python functions."""
    target.ask("eval __import__('memory_oracle').start_threads([1, 400, 900])")
    chunks = ast.literal_eval(target.ask("eval __import__('memory_oracle').chunks()"))
    frames = look(target, snapshot)["memory"]["frame_stacks"]
    assert len(chunks) > 5 or target.python.version < (3, 11)
    assert frames["mapped_bytes"] == sum(size for _, size in chunks)
    assert frames["resident_bytes"] >= 4096 * len(chunks)


def page_table_bytes(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^VmPTE:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024


def test_what_was_never_touched_is_not_read(target, snapshot):
    reserved = 1 << 41
    ask(target, "reserve(%d)" % reserved)
    before = page_table_bytes(target.pid)
    report = look(target, snapshot)
    assert report["memory"]["mapped_bytes"] > reserved
    # Where malloc may have a heap, every 64 MiB, a reading adds a page table of 4 KiB.
    assert page_table_bytes(target.pid) - before < MIB


def test_large_objects_are_measured(target, snapshot):
    def sizes(report):
        rows = {}
        for row in report["outside"]["rows"]:
            name = row["what"]["type"]
            rows[name] = rows.get(name, 0) + row["bytes"]
        return rows

    ask(target, "plant_outside() and None")
    ask(target, "drop_outside()")
    target.ask("gc")
    before = sizes(look(target, snapshot, "--paths"))
    planted = ask(target, "plant_outside()")
    report = look(target, snapshot, "--paths")
    after = sizes(report)
    for name, size in planted.items():
        assert size <= after[name] <= size * 1.01 + before.get(name, 0) + 20000, name
    assert report["outside"]["bytes"] <= resident(report, "malloc") + MIB
    assert sum(row["bytes"] for row in report["outside"]["rows"]) == report["outside"]["bytes"]


def test_allocations_are_those_of_malloc(any_target, pyfrag, snapshot, tmp_path):
    """Each buffer is as large as malloc says, and malloc's chunks in use are divided."""
    ask(any_target, "plant_outside()")
    report = look(any_target, snapshot, "--paths")
    outside, (malloc,) = report["outside"], report["malloc"]
    assert outside["chunk_bytes"] + outside["rest_bytes"] == (
        malloc["in_use"]["bytes"] + malloc["mapped"]["bytes"])
    pyfrag("snapshot", "-p", any_target.pid, "-o", tmp_path / "heap.db")
    seen = sqlite3.connect(tmp_path / "heap.db").execute(
        "SELECT outside.address, outside.size FROM outside JOIN kinds ON kinds.id = outside.kind"
        " WHERE kinds.role = 'buffer'").fetchall()
    said = ask(any_target, "usable_sizes(%r)" % [address for address, _ in seen])
    assert len(seen) > 100
    # Answering, the target may free some.
    wrong = [(hex(address), size, real) for (address, size), real in zip(seen, said)
             if size != real]
    assert len(wrong) < 3, wrong


def test_numbers_are_not_large(target, snapshot):
    """Before 3, many numbers share an allocation, so that none has a size of its own."""
    ask(target, "keep_numbers()")
    rows = look(target, snapshot, "--paths")["outside"]["rows"]
    assert not [row for row in rows if row["what"]["type"] in ("int", "float")]
    items = [row["bytes"] for row in rows if row["what"]["part"] == "items"]
    assert max(items) >= 2 * 8 * 200000 * 0.9
