"""Where Python's objects are in malloc's memory (PYTHONMALLOC=malloc), pyfrag reads them as it
reads those in pymalloc's arenas."""
import sqlite3

import pytest

from conftest import PYTHONS
from target import Target
from test_bad_input import assert_refused
from test_census import COUNT, SHAKY, blocks, census, evaluate, plant, rows_of
from test_malloc import look

# One of each layout of objects: with three words in front (to 3.7), with dicts of their own, with
# values of their own, with inline values.
VERSIONS = [(3, 7), (3, 8), (3, 11), (3, 13), (3, 14)]
SOME = [python for version in VERSIONS
        for python in [some for some in PYTHONS if some.version[:2] == version][:1]]


@pytest.fixture(params=["malloc", "malloc_debug"])
def allocator(request):
    return request.param


@pytest.fixture
def target(python, allocator):
    with Target(python, env={"PYTHONMALLOC": allocator}) as running:
        yield running


@pytest.mark.parametrize("python", SOME, ids=repr)
def test_objects_are_those_of_the_collector(target, snapshot, allocator):
    question = "__import__('census_oracle').count_tracked(None, 0)"
    target.ask("eval kept.append(__import__('census_oracle').plant_in_thread(%d))" % COUNT)
    target.ask("eval kept.append(__import__('collections').deque(range(64 * 100)))")
    target.ask("gc")
    evaluate(target, question)
    report = census(snapshot, target)
    assert report["python"]["allocator"] == allocator
    assert report["pinned"] is None
    assert len(report["malloc"][0]["arenas"]) == 2
    said = evaluate(target, question)
    rows = rows_of(report)
    seen = {key[1]: row["tracked_blocks"] for key, row in rows.items() if row["tracked_blocks"]}
    frozen = evaluate(target, "getattr(__import__('gc'), 'get_freeze_count', int)()")
    wrong = {}
    for name in set(said) | set(seen):
        difference = seen.get(name, 0) - said.get(name, 0)
        least = -5 if name in SHAKY else 0
        if not least <= difference <= -least + frozen:
            wrong[name] = said.get(name), seen.get(name)
    assert not wrong
    assert len(said) > 20
    for kind in ("Plain", "Slotted", "Tuple", "Outer.Inner"):
        assert blocks(rows, "object", "census_oracle." + kind, None) == COUNT
    assert blocks(rows, "buffer", "list", "items") >= COUNT
    # Each of its blocks is known by the one before.
    assert 100 <= blocks(rows, "buffer", "collections.deque", "buffer") <= 105


@pytest.mark.parametrize("python", SOME[-1:], ids=repr)
def test_all_chunks_in_use_are_counted(target, snapshot):
    """The census has the chunks that mallinfo2() says are in use, but for those in tcaches, which
    malloc counts as in use. A block is as large as malloc_usable_size() says."""
    plant(target)
    report, said = look(target, lambda pid: snapshot(pid, "--by", "type", "--top", "1000000"))
    (malloc,) = report["malloc"]
    in_use, mapped, cached = malloc["in_use"], malloc["mapped"], malloc["tcache"]["bytes"]
    # Beside chunks, malloc counts what is between them as in use.
    assert in_use["bytes"] + cached + malloc["overhead_bytes"] == said["mallinfo2"]["uordblks"]
    assert mapped["chunks"] == said["mallinfo2"]["hblks"]
    assert report["census"]["blocks"] == in_use["chunks"] + mapped["chunks"]
    assert report["census"]["bytes"] == (in_use["bytes"] - 8 * in_use["chunks"]
                                         + mapped["bytes"] - 16 * mapped["chunks"])


@pytest.mark.parametrize("allocator", ["malloc"], indirect=True)
@pytest.mark.parametrize("python", SOME[-1:], ids=repr)
def test_paths_and_databases(target, pyfrag, snapshot, tmp_path):
    """What keeps an object in a chunk alive, from its holder on; and a large block is one of its
    owner."""
    target.ask("eval kept.append([None] * 100000)")
    path = tmp_path / "heap.db"
    pyfrag("snapshot", "-p", target.pid, "-o", path)
    database = sqlite3.connect(path)
    ((block, address, arena),) = database.execute(
        "SELECT blocks.id, blocks.address, blocks.arena FROM blocks JOIN kinds ON kinds.id ="
        " blocks.kind WHERE kinds.name = 'items of list' AND blocks.size > 800000")
    assert list(database.execute("SELECT live_blocks, pinned FROM arenas WHERE address = %d"
                                 % arena)) == [(1, None)]
    assert not database.execute("SELECT count(*) FROM pools").fetchone()[0]
    identity = int(target.ask("eval id(kept[-1])"))
    report = snapshot(target.pid, "--object", hex(identity))
    assert report["object"]["what"]["type"] == "list"
    assert report["object"]["dominated_bytes"] >= 800000
    assert report["object"]["path"].startswith("__main__.kept[")


@pytest.mark.parametrize("setting", ["pymalloc", "malloc"])
def test_what_pins_the_top(setting, snapshot):
    """The object in the last chunk below the top, of which malloc says how much it keeps."""
    with Target(SOME[-1], env={"PYTHONMALLOC": setting}) as target:
        target.ask("eval [kept.append([bytes(2000) for _ in range(20000)]),"
                   " kept.append(bytes(1500) + b'last'), kept.pop(0)] and None")
        identity = int(target.ask("eval id(kept[0])"))
        report = snapshot(target.pid, "--paths")
    (pin,) = report["malloc_pins"]
    first = report["malloc"][0]["arenas"][0]["pins"][0]
    assert (pin["address"], pin["size"]) == (first["address"], first["size"])
    assert first["releases_bytes"] + first["withheld_bytes"] > 100 * 2000
    assert pin["address"] == hex(identity)
    assert pin["what"]["type"] == "bytes"
    assert pin["path"] == "__main__.kept[0]"
