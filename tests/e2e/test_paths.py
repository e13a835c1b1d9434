"""Paths that keep objects alive: following a path inside the target leads to the object."""
import ast
import re

import pytest


def look(target, snapshot, *args):
    target.wait_until_blocked()
    report = snapshot(target.pid, "--paths", "--below", "100%", "--blocks", "1000000", *args)
    return report, [block for arena in report["pinned"]["list"] for block in arena["blocks"]]


def follow(target, blocks):
    """Follows all paths in the target with a single question, which changes little; returns (block,
    id, repr) for each."""
    questions = [(block["path"], block["root"]["kind"], block["root"]["name"]) for block in blocks]
    found = ast.literal_eval(target.ask("eval __import__('paths_oracle').follow_all(%r)" %
                                        questions))
    return [(block, *answer) for block, answer in zip(blocks, found)]


def can_be_followed(block):
    # In 2.7 a removed set entry leaves this str behind. The u"/" is four bytes in the memory of a
    # former importer, whose type pointer is still there.
    if block["value"] == "'<dummy key>'" or block["what"]["type"] == "imp.NullImporter":
        return False
    # main() has other local variables for each question.
    return (block["what"]["role"] == "object" and block["root"] is not None and
            not block["root"]["name"].startswith("main()") and
            block["root"]["kind"] in ("module", "local") and "<" not in block["path"])


@pytest.mark.slow
def test_planted_objects(target, snapshot):
    target.ask("eval __import__('paths_oracle').plant()")
    _, blocks = look(target, snapshot)
    found = set()
    planted = [block for block in blocks if can_be_followed(block)
               and block["what"]["type"] == "tuple" and
               (block["root"]["name"] == "paths_oracle" or block["root"]["kind"] == "local")]
    for block, address, said in follow(target, planted):
        assert 0 <= address - int(block["address"], 16) < block["size"], block
        if re.match(r"\('paths oracle', \d+\)$", said or ""):
            found.add(ast.literal_eval(said)[1] // 1000003)
    assert found == set(range(25)) | {30, 31}


@pytest.mark.slow
def test_any_objects(target, snapshot):
    for workload in ("json_churn", "class_instances", "frames_and_generators"):
        target.run(workload, 5)
    target.ask("eval __import__('paths_oracle') and None")
    target.ask("eval len(repr(__builtins__)) and None")  # some of them change when they are shown
    target.ask("gc")  # frees objects that only refer to themselves
    _, blocks = look(target, snapshot)
    objects = [block for block in blocks if block["what"]["role"] == "object"]
    followed = [block for block in objects if can_be_followed(block)]
    # Objects that only C code holds, and paths that this report has truncated.
    assert sum(block["path"] is None for block in objects) < 0.01 * len(objects)
    # For about half of the blocks a step of the path has no expression in Python: constants of code
    # objects, interned strings. Long paths are truncated, too, and class_instances() has left a
    # chain of a thousand.
    short = [block for block in objects if not (block["path"] or "").startswith("<...>")]
    assert len(followed) > 0.5 * len(short)
    for block, address, said in follow(target, followed):
        assert 0 <= address - int(block["address"], 16) < block["size"], (block, said)
        if block["value"] is not None and not block["value"].endswith("..."):
            assert block["value"] == re.sub(r"^(-?\d+)L$", r"\1", said), block


@pytest.mark.slow
def test_garbage_is_not_reached(target, snapshot):
    """When Python takes an object from a free list, the object's address stays in the slot of that
    list."""
    if target.python.version < (3, 10):
        pytest.skip("up to 3.9 these are static variables, which no root reaches")
    planted = ast.literal_eval(target.ask("eval __import__('paths_oracle').plant_garbage()"))
    assert ast.literal_eval(target.ask(
        "eval [__import__('paths_oracle').is_garbage(one) for one in %r]" % planted)) == [True] * 50
    _, blocks = look(target, snapshot)
    # The collector's header precedes the object.
    found = [block for block in blocks if int(block["address"], 16) + 16 in planted]
    assert len(found) == len(planted)
    reached = [block for block in found if block["root"] is not None]
    # A frame's evaluation stack may still contain stale references.
    assert [block for block in reached if block["root"]["kind"] != "frame"] == []
    assert len(reached) < 10


@pytest.mark.slow
def test_values_are_left_out(target, snapshot):
    target.ask("eval __import__('paths_oracle').plant()")
    report, blocks = look(target, snapshot, "--no-values")
    assert not any(block["value"] for block in blocks)
    assert "user:17" not in str(report) and "paths_oracle.NESTED[...]" in str(report)


@pytest.mark.slow
def test_holders_add_up(target, snapshot):
    target.run("tuples_with_survivors")
    report, _ = look(target, snapshot)
    pinned = report["pinned"]
    for rows in (report["holders"]["by_kind"], report["holders"]["by_path"]):
        assert sum(row["blocks"] for row in rows) == pinned["live_blocks"]
        assert abs(sum(row["hostage_bytes"] for row in rows) - pinned["hostage_bytes"]) < 1
    assert any(row["path"] and row["path"].startswith("__main__.kept[*][*]")
               for row in report["holders"]["by_path"])
