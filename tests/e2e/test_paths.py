"""What keeps an object alive: following the path in the target leads to that object."""
import ast
import re

import pytest


def look(target, snapshot, *args):
    target.wait_until_blocked()
    report = snapshot(target.pid, "--paths", "--below", "100%", "--blocks", "1000000", *args)
    return report, [block for arena in report["pinned"]["list"] for block in arena["blocks"]]


def follow(target, blocks):
    """What the target finds there: (block, id, repr) for each, all in one question, which changes
    little."""
    questions = [(block["path"], block["root"]["kind"], block["root"]["name"]) for block in blocks]
    found = ast.literal_eval(target.ask("eval __import__('paths_oracle').follow_all(%r)" %
                                        questions))
    return [(block, *answer) for block, answer in zip(blocks, found)]


def can_be_followed(block):
    # In 2.7 what was removed from a set left this str in it, and u"/" is four bytes in what was
    # such an importer: its type is still there.
    if block["value"] == "'<dummy key>'" or block["what"]["type"] == "imp.NullImporter":
        return False
    # main() has other variables with each question.
    return (block["what"]["role"] == "object" and block["root"] is not None and
            not block["root"]["name"].startswith("main()") and
            block["root"]["kind"] in ("module", "local") and "<" not in block["path"])


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


def test_any_objects(target, snapshot):
    for workload in ("json_churn", "class_instances", "frames_and_generators"):
        target.run(workload, 5)
    target.ask("eval __import__('paths_oracle') and None")
    target.ask("eval len(repr(__builtins__)) and None")  # some of them change when they are shown
    target.ask("gc")  # what nothing refers to but itself
    _, blocks = look(target, snapshot)
    objects = [block for block in blocks if block["what"]["role"] == "object"]
    followed = [block for block in objects if can_be_followed(block)]
    # What only C code holds, and what this very report has cut short.
    assert sum(block["path"] is None for block in objects) < 0.01 * len(objects)
    # Of a half, or so, part of the way has no name in Python: constants of code, interned strings.
    # Besides, a long way is cut, and class_instances() has left a chain of a thousand.
    short = [block for block in objects if not (block["path"] or "").startswith("<...>")]
    assert len(followed) > 0.5 * len(short)
    for block, address, said in follow(target, followed):
        assert 0 <= address - int(block["address"], 16) < block["size"], (block, said)
        if block["value"] is not None and not block["value"].endswith("..."):
            assert block["value"] == re.sub(r"^(-?\d+)L$", r"\1", said), block


def test_garbage_is_not_reached(target, snapshot):
    """What Python took from a free list has its address left in a slot of that list."""
    if target.python.version < (3, 10):
        pytest.skip("up to 3.9 these are static variables that nothing leads to")
    planted = ast.literal_eval(target.ask("eval __import__('paths_oracle').plant_garbage()"))
    assert ast.literal_eval(target.ask(
        "eval [__import__('paths_oracle').is_garbage(one) for one in %r]" % planted)) == [True] * 50
    _, blocks = look(target, snapshot)
    # Their heads for the collector are in front of them.
    found = [block for block in blocks if int(block["address"], 16) + 16 in planted]
    assert len(found) == len(planted)
    reached = [block for block in found if block["root"] is not None]
    # What was on a frame's stack may still lie there.
    assert [block for block in reached if block["root"]["kind"] != "frame"] == []
    assert len(reached) < 10


def test_values_are_left_out(target, snapshot):
    target.ask("eval __import__('paths_oracle').plant()")
    report, blocks = look(target, snapshot, "--no-values")
    assert not any(block["value"] for block in blocks)
    assert "user:17" not in str(report) and "paths_oracle.NESTED[...]" in str(report)


def test_holders_add_up(target, snapshot):
    target.run("tuples_with_survivors")
    report, _ = look(target, snapshot)
    pinned = report["pinned"]
    for rows in (report["holders"]["by_kind"], report["holders"]["by_path"]):
        assert sum(row["blocks"] for row in rows) == pinned["live_blocks"]
        assert abs(sum(row["hostage_bytes"] for row in rows) - pinned["hostage_bytes"]) < 1
    assert any(row["path"] and row["path"].startswith("__main__.kept[*][*]")
               for row in report["holders"]["by_path"])
