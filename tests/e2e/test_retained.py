"""What pyfrag says that a path retains is gone from the arenas, and from malloc, when the path is
deleted and garbage is collected."""
import ast
import re

import pytest

from target import Target

HOLDERS = "retained_oracle.holders"


def ask(target, call):
    answer = target.ask("eval __import__('retained_oracle')." + call)
    return ast.literal_eval(re.sub(r"(\d)L\b", r"\1", answer))


@pytest.fixture
def planted(target):
    ask(target, "in_use()")
    ask(target, "plant()")
    target.ask("gc")
    ask(target, "in_use()")
    return target


def look(target, snapshot, depth=20):
    """The tree, and how many bytes arenas have in use, by the target's own statistics."""
    report, stats = target.heap_oracle(
        lambda: snapshot(target.pid, "--retained=%d" % depth))
    assert report["heap"]["live_bytes"] == stats.live_bytes
    return report["retained"], stats.live_bytes


def rows_at(tree, path):
    rows = [row for row in tree["rows"] if row["path"] == path]
    assert rows, (path, [row["path"] for row in tree["rows"]])
    return rows


def row_at(tree, path):
    row, = rows_at(tree, path)
    return row


def arena_bytes(row):
    return row["retained"]["bytes"] - row["retained"]["outside_bytes"]


def assert_close(seen, predicted):
    assert abs(seen - predicted) <= 0.02 * predicted + 5000


def test_what_is_retained_goes(planted, snapshot):
    tree, in_use = look(planted, snapshot)
    for name in ("orders", "records", "chain", "cycle", "interned"):
        if name == "interned" and planted.python.version[:2] == (3, 12):
            continue  # they are immortal
        predicted = arena_bytes(row_at(tree, HOLDERS + "." + name))
        assert predicted > 500000
        ask(planted, "drop(%r)" % name)
        _, after = look(planted, snapshot)
        assert_close(in_use - after, predicted)
        in_use = after
    # What two hold goes with both.
    each = [row_at(tree, HOLDERS + "." + name) for name in ("first", "second")]
    shared, = [row for row in tree["rows"] if row["path"] and row["is_shared"] and
               row["type"] == "str" and row["count"] == 60000]
    assert sorted([shared["path"]] + shared["holders"]) == sorted(
        [HOLDERS + ".first[*]", "list(%s.second)[*]" % HOLDERS])
    for name, row in zip(("first", "second"), each):
        ask(planted, "drop(%r)" % name)
        _, after = look(planted, snapshot)
        assert_close(in_use - after, arena_bytes(row) + (name == "second") * arena_bytes(shared))
        in_use = after
    # What is outside of arenas.
    predicted = row_at(tree, HOLDERS + ".large")["retained"]["outside_bytes"]
    assert predicted > 30 * 100000
    before = ask(planted, "in_use()")
    ask(planted, "drop('large')")
    if not before:
        pytest.skip("this glibc has no mallinfo2()")
    assert_close(before - ask(planted, "in_use()"), predicted)


@pytest.mark.slow
def test_debug_hooks(python, snapshot):
    """Hooks precede each block, and allocations outside of arenas have them twice."""
    if python.version < (3, 7):
        pytest.skip("PYTHONMALLOC=debug does not use pymalloc")
    with Target(python, env={"PYTHONMALLOC": "debug"}) as target:
        ask(target, "plant()")
        target.wait_until_blocked()
        tree = snapshot(target.pid, "--retained")["retained"]
        large = row_at(tree, HOLDERS + ".large")["retained"]
        assert 30 * 100000 < large["outside_bytes"] < 31 * 100000


def test_rows(planted, snapshot, pyfrag):
    """Objects that are alike have one row, whose path can be followed."""
    tree, _ = look(planted, snapshot)
    order = row_at(tree, HOLDERS + ".orders[*]")
    assert (order["count"], order["type"]) == (10000, "retained_oracle.Order")
    for path, kind in ((".orders[*].tags", "list"), (".orders[*].tags[*]", "float"),
                       (".orders[*].name", "str"), (".records[*]['place']['street']", "str"),
                       (".chain.next.payload", "str"), (".cycle[*]['rows'][*]", "tuple")):
        if kind == "float" and planted.python.version < (3,):
            continue  # several of them are in a chunk of malloc
        row = row_at(tree, HOLDERS + path)
        assert row["type"] == kind and 9900 <= row["count"] <= 10000, path
    assert row_at(tree, HOLDERS + ".chain.next")["is_repeated"]
    planted.wait_until_blocked()
    text = pyfrag("snapshot", "-p", planted.pid, "--retained", "20").stdout.decode()
    assert HOLDERS + ".orders[*]  (10,000 retained_oracle.Order)" in text
    assert HOLDERS + ".chain.next...  (" in text
    text = pyfrag("snapshot", "-p", planted.pid, "--retained", "20", "--no-values").stdout.decode()
    assert HOLDERS + ".records[*][...]" in text and "street" not in text
    # Less depth.
    shallow, _ = look(planted, snapshot, 2)
    assert {row["depth"] for row in shallow["rows"]} <= {0, 1}
    total = shallow["total"]["bytes"]
    top = sum(row["retained"]["bytes"] for i, row in enumerate(shallow["rows"])
              if row["depth"] == 0 and not (i and shallow["rows"][i - 1].get("is_passed")))
    rest = (shallow["unreached"]["bytes"] + shallow["free_listed"]["bytes"]
            + shallow["unowned_bytes"])
    # Rows of less than 1 % are left out.
    assert 0.98 * total <= top + rest <= total
