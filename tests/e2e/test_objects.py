"""Everything that pyfrag reports about an object or arena equals what the target says."""
import ast

import pytest


def ask(target, call):
    return ast.literal_eval(target.ask("eval __import__('objects_oracle')." + call))


def look(target, snapshot, *args):
    target.wait_until_blocked()
    return snapshot(target.pid, *args)


def addresses(relations):
    return [int(relation["address"], 16) for relation in relations["list"]]


def test_relations_are_those_of_the_collector(target, snapshot):
    _, small = ask(target, "plant()")
    report = look(target, snapshot, "--object", hex(small))["object"]
    assert int(report["address"], 16) == small
    assert report["what"] == {"role": "object", "type": "list", "part": None}
    assert report["path"] == "objects_oracle.HOLDER['small']"
    # gc.get_referents() does not list buffers.
    referents = [item for item in report["referents"]["list"] if item["what"]["role"] == "object"]
    assert sorted(int(item["address"], 16) for item in referents) == (
        ask(target, "referents('small')"))
    assert addresses(report["referrers"]) == [ask(target, "holder()")]
    assert [relation["via"] for relation in report["referrers"]["list"]] == ["['small']"]
    assert [relation["via"] for relation in referents] == ["[0]", "[1]", "[2]"]
    assert referents[0]["value"] == "'left'"
    if target.python.version < (3, 11):  # a frame's stack may hold stale references
        assert not report["is_root"]


def test_references_to_itself(target, snapshot):
    """References of an object to itself are listed among the others, and do not change its retained
    size."""
    ask(target, "plant()")
    for key, via, address in ask(target, "plant_selves()"):
        report = look(target, snapshot, "--object", hex(address))["object"]
        assert sorted(addresses(report["referrers"])) == ask(target, "referrers(%r)" % key), key
        listed = [(int(relation["address"], 16), relation["via"])
                  for relation in report["referents"]["list"]]
        # Up to 3.10 an instance has a dict, and the dict holds the reference.
        refers = address in ask(target, "referents(%r)" % key)
        assert ((address, via) in listed) == refers, key
        assert refers or (key, target.python.version < (3, 11)) == ("instance", True)
        assert report["path"] == "objects_oracle.HOLDER[%r]" % key


def test_what_goes_with_it(target, snapshot):
    things, _ = ask(target, "plant()")
    target.ask("gc")
    before = look(target, snapshot, "--object", hex(things))
    report = before["object"]
    assert report["referents"]["cnt"] == 20000 and len(report["referents"]["list"]) == 1000
    ask(target, "drop()")
    after = look(target, snapshot)
    gone = before["heap"]["live_blocks"] - after["heap"]["live_blocks"]
    # Some are on free lists, some were created by the questions.
    assert abs(gone - report["dominated_blocks"]) < 0.002 * gone + 100
    gone_bytes = before["heap"]["live_bytes"] - after["heap"]["live_bytes"]
    assert abs(gone_bytes - report["dominated_bytes"]) < 0.002 * gone_bytes + 10000
    freed = before["heap"]["arenas"] - after["heap"]["arenas"]
    assert report["freed_arenas"] >= 1 and abs(freed - report["freed_arenas"]) <= 1
    assert report["freed_bytes"] == report["freed_arenas"] * before["python"]["arena_size"]


def test_what_goes_with_it_outside(target, snapshot):
    planted = ask(target, "plant_outside()")
    held = look(target, snapshot, "--object", hex(ask(target, "outside_holder()")))["object"]
    most = least = sum(planted.values())
    # static data still has the address of the set, which was on a free list
    if target.python.version < (3,):
        least -= planted["set"]
    assert held["dominated_buffers"] >= 3
    assert least <= held["dominated_outside_bytes"] <= 1.01 * most + 20000
    # Keys that the dicts of two instances share are not retained by either.
    one, other = ask(target, "plant_sharing()")
    for address in (one, other):
        shared = look(target, snapshot, "--object", hex(address))["object"]
        assert shared["dominated_buffers"] == 0 and shared["dominated_outside_bytes"] == 0


@pytest.mark.slow
def test_an_arena(target, snapshot):
    things, _ = ask(target, "plant()")
    report = look(target, snapshot, "--arena", hex(things), "--below", "100%")
    arena = report["arena"]
    same, = [row for row in report["pinned"]["list"] if row["address"] == arena["address"]]
    assert int(arena["address"], 16) <= things < (
        int(arena["address"], 16) + report["python"]["arena_size"])
    assert (arena["live_blocks"], arena["live_bytes"]) == (same["live_blocks"], same["live_bytes"])
    assert len(arena["blocks"]) == arena["live_blocks"]
    assert sum(block["size"] for block in arena["blocks"]) == arena["live_bytes"]
    own, = [block for block in arena["blocks"]
            if 0 <= things - int(block["address"], 16) < block["size"]]
    assert own["path"] == "objects_oracle.HOLDER['things']" and own["what"]["type"] == "list"
    assert sum(row["blocks"] for row in arena["holders"]["by_kind"]) == arena["live_blocks"]


def test_no_such_object(any_target, pyfrag):
    for option in ("--object", "--arena"):
        result = pyfrag("snapshot", "-p", any_target.pid, option, "0x1000", check=False)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1
        assert b"0x1000" in result.stderr
