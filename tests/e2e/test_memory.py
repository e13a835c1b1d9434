"""The memory of a process, as pyfrag reports it, equals what the kernel and malloc say."""
import ast
import re
import sqlite3
import sqlite3

import pytest

import swap
from conftest import PYTHONS, run_pyfrag

# Stacks of threads depend on the libc, not on the Python.
ONE_OF_EACH_RELEASE = list({python.root: python for python in reversed(PYTHONS)}.values())

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
    assert memory["unexplained"]["resident_bytes"] < 0.01 * memory["resident_bytes"]
    for part in parts:
        if "states" in memory[part]:
            assert sum(memory[part]["states"].values()) == memory[part]["resident_bytes"]


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


def smaps(pid):
    """The path and the fields of each mapping, in bytes."""
    mappings = []
    with open("/proc/%d/smaps" % pid) as file:
        for line in file:
            field = re.match(r"(\w+): +(\d+) kB", line)
            if field:
                mappings[-1][1][field.group(1)] = int(field.group(2)) * 1024
            elif re.match("[0-9a-f]+-", line):
                mappings.append(((line.split(None, 5) + [""])[5].strip(), {}))
    return mappings


def ask_memory(target, call):
    answer = target.ask("eval __import__('memory_oracle')." + call)
    return ast.literal_eval(re.sub(r"(\d)L", r"\1", answer))


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_stacks_of_threads(target, snapshot, tmp_path):
    """Each thread's stack is where the thread itself says. glibc keeps those of ended threads."""
    threads = ask_memory(target, "describe_stacks([1, 1, 200])")
    ended = ask_memory(target, "end_a_thread()")
    stacks = look(target, snapshot)["memory"]["stacks"]
    found = {stack["thread"]: stack for stack in stacks["list"]}
    sizes = [stack["resident_bytes"] for stack in stacks["list"]]
    assert sizes == sorted(sizes, reverse=True)
    assert stacks["count"] == len(stacks["list"]) == len(threads) + 2
    for thread, (address, size) in threads.items():
        stack = found[thread]
        assert int(stack["address"], 16) == address
        assert stack["mapped_bytes"] == size
        with open("/proc/%d/task/%d/comm" % (target.pid, thread)) as name:
            assert stack["name"] == name.read().rstrip("\n")
    assert found[target.pid]["resident_bytes"] == sum(
        fields["Rss"] for path, fields in smaps(target.pid) if path == "[stack]")
    assert (int(found[None]["address"], 16), found[None]["mapped_bytes"]) == ended
    assert found[None]["resident_bytes"] == stacks["states"]["cached"] > 0
    assert stacks["states"]["in_use"] >= 4096 * (len(threads) + 1)
    assert stacks["states"]["undivided"] == 0
    run_pyfrag("snapshot", "-p", target.pid, "-o", tmp_path / "heap.db")
    with sqlite3.connect(str(tmp_path / "heap.db")) as database:
        rows = database.execute("SELECT thread, min(start), sum(end - start) FROM regions"
                                " WHERE part = 'stacks' AND thread != ? GROUP BY 1", (target.pid,))
        assert {thread: (start, size) for thread, start, size in rows} == threads


def test_touched_stack_is_unused(any_target, snapshot):
    """What a deep call has touched stays resident when it has returned."""
    before = look(any_target, snapshot)["memory"]["stacks"]["states"]
    assert ask_memory(any_target, "call_deeply()") is None
    after = look(any_target, snapshot)["memory"]["stacks"]["states"]
    assert after["unused"] - before["unused"] > 200 * 1024
    assert abs(after["in_use"] - before["in_use"]) <= 16384


def test_stack_of_a_running_thread(any_target, snapshot):
    """How much of it is in use is not known. The sums hold nevertheless."""
    thread = ask_memory(any_target, "spin()")
    memory = snapshot(any_target.pid)["memory"]
    stack, = [stack for stack in memory["stacks"]["list"] if stack["thread"] == thread]
    assert memory["stacks"]["states"]["undivided"] == stack["resident_bytes"] > 0
    for part in memory.values():
        if isinstance(part, dict) and "states" in part:
            assert sum(part["states"].values()) == part["resident_bytes"]


def test_files_equal_smaps(any_target, snapshot):
    files = look(any_target, snapshot)["memory"]["files"]
    assert files["count"] == len(files["list"])
    told = {}
    for path, fields in smaps(any_target.pid):
        if path.startswith("/"):
            total = told.setdefault(path, {})
            for field in fields:
                total[field] = total.get(field, 0) + fields[field]
    assert sorted(told) == sorted(file["path"] for file in files["list"])
    for file in files["list"]:
        fields = told[file["path"]]
        static = file["resident_bytes"] - fields["Rss"]  # behind the file, without a name
        assert static >= 0
        assert file["private_dirty"] == fields["Private_Dirty"] + static
        # Whether a page is shared also depends on other processes, of which pyfrag is one.
        assert file["private_clean"] + file["shared"] == (
            fields["Private_Clean"] + fields["Shared_Clean"] + fields["Shared_Dirty"])
        assert file["swap_bytes"] == fields["Swap"] == 0


def test_states_of_arenas(target, snapshot):
    """All live blocks are resident, and so is what else is in their pages."""
    target.run("class_instances")
    report = look(target, snapshot)
    states, heap = report["memory"]["arenas"]["states"], report["heap"]
    assert states["undivided"] == 0
    assert 0.999 * heap["live_bytes"] <= states["live"] <= heap["live_bytes"]
    for state in ("free_blocks", "free_pools", "overhead"):
        assert states[state] <= heap[state.rstrip("s") + "_bytes"]
    assert heap["resident_bytes"] < heap["arena_bytes"]


def test_states_of_malloc(any_target, snapshot):
    """What was never written is not resident, and what malloc_trim() releases was free."""
    def states():
        report = look(any_target, snapshot)
        assert report["memory"]["malloc"]["states"]["undivided"] == 0
        return report["memory"]["malloc"]["states"]

    ask_memory(any_target, "trim()")  # loads modules
    before = states()
    block = ask_memory(any_target, "allocate(%d, %d)" % (64 * MIB, 32 * MIB))
    half = states()
    assert abs(half["in_use"] - before["in_use"] - 32 * MIB) <= 8192
    ask_memory(any_target, "release(%d)" % block)
    ask_memory(any_target, "scatter(400, 100000)")
    scattered = states()
    assert scattered["in_use"] - before["in_use"] == pytest.approx(200 * 100000, abs=100000)
    assert scattered["free"] - before["free"] == pytest.approx(200 * 100000, abs=100000)
    anonymous = sum(fields["Anonymous"] for _, fields in smaps(any_target.pid))
    ask_memory(any_target, "trim()")
    after = states()
    any_target.wait_until_blocked()
    trimmed = anonymous - sum(fields["Anonymous"] for _, fields in smaps(any_target.pid))
    gone = sum(scattered[state] - after[state] for state in ("free", "top", "overhead"))
    assert trimmed > 15 * MIB
    assert abs(gone - trimmed) <= 16384


def test_shared_and_huge_memory(any_target, snapshot):
    before = look(any_target, snapshot)["memory"]
    ask_memory(any_target, "map_shared(%d)" % (3 * MIB))
    ask_memory(any_target, "map_huge(%d)" % (8 * MIB))
    after = look(any_target, snapshot)["memory"]
    assert after["shared"]["resident_bytes"] - before["shared"]["resident_bytes"] == 3 * MIB
    huge = sum(fields["AnonHugePages"] for _, fields in smaps(any_target.pid))
    parts = [part for part in after.values() if isinstance(part, dict)]
    assert after["huge_bytes"] == huge
    if after["unexplained"]["huge_bytes"] is not None:
        assert sum(part["huge_bytes"] for part in parts) == huge
        assert after["unexplained"]["huge_bytes"] == huge
    if not huge:
        pytest.skip("the kernel has given no huge pages")


def test_break_that_is_not_mallocs(any_target, snapshot):
    """Somebody else moves the break: that memory is not malloc's."""
    before = look(any_target, snapshot)["memory"]
    assert ask_memory(any_target, "move_break(%d)" % (5 * MIB)) is None
    after = look(any_target, snapshot)["memory"]
    grown = after["break"]["resident_bytes"] - before["break"]["resident_bytes"]
    assert 5 * MIB <= grown <= 5 * MIB + 8192
    assert resident({"memory": after}, "malloc") - resident({"memory": before}, "malloc") < MIB


def test_swapped_parts(any_target, snapshot, tmp_path):
    with swap.space(tmp_path):
        ask_memory(any_target, "call_deeply()")
        assert ask_memory(any_target, "map_swapped(%d)" % (20 * MIB)) is None
        any_target.wait_until_blocked()
        swap.swap_out(any_target.pid, swap.mappings(any_target.pid, "[stack]"))
        memory = snapshot(any_target.pid)["memory"]
        parts = [memory[part] for part in memory if isinstance(memory[part], dict)]
        fields = [fields for _, fields in smaps(any_target.pid)]
        assert sum(part["swap_bytes"] for part in parts) == memory["swap_bytes"]
        assert memory["swap_bytes"] == sum(field["Swap"] for field in fields) > 20 * MIB
        assert memory["resident_bytes"] == sum(field["Rss"] for field in fields)
        assert 19 * MIB < memory["unexplained"]["swap_bytes"] < 21 * MIB
        assert memory["stacks"]["swap_bytes"] > 0


def test_frame_stacks(target, snapshot):
    """From 3.11 on each thread has chunks for the frames of Python functions."""
    target.ask("eval __import__('memory_oracle').start_threads([1, 400, 900])")
    chunks = ast.literal_eval(target.ask("eval __import__('memory_oracle').chunks()"))
    frames = look(target, snapshot)["memory"]["frame_stacks"]
    assert len(chunks) > 5 or target.python.version < (3, 11)
    assert frames["mapped_bytes"] == sum(size for _, size in chunks)
    assert frames["resident_bytes"] >= 4096 * len(chunks)


def test_text_lists_large_parts_first(any_target, snapshot):
    ask(any_target, "map_private(%d)" % (20 * MIB))
    any_target.wait_until_blocked()
    lines = run_pyfrag("snapshot", "-p", any_target.pid).stdout.decode().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Memory: "))
    rows = lines[start + 1:lines.index("", start)]
    shares = [float(re.search(r"([\d.]+) %", row).group(1)) for row in rows]
    assert sum(shares) == pytest.approx(100, abs=0.5)
    assert shares[:-1] == sorted(shares[:-1], reverse=True) and shares[-2] >= 0.9
    assert rows[0].split()[:3] == ["unexplained", "20.0", "MiB"]
    assert "largest region 20.0 MiB" in rows[0]
    assert rows[-1].split()[0] == "others"


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
