"""From the question to the answer: what pins is named, what frees it too, and doing that gives the arenas back."""
import re

import pytest


def look(target, snapshot):
    target.wait_until_blocked()
    return snapshot(target.pid, "--paths", "--by", "type")


def pinned_by(report, part):
    """Of the hostage bytes, the share of rows that @part picks."""
    rows = [row for row in report["holders"]["by_path"] + report["holders"]["by_kind"] if part(row)]
    return sum(row["hostage_bytes"] for row in rows) / report["pinned"]["hostage_bytes"]


def advice(report, rule):
    return [item["text"] for item in report["advice"] if item["rule"] == rule]


def test_survivors_in_a_cache(target, snapshot):
    before = look(target, snapshot)
    target.ask("eval __import__('whole').grow_with_cache()")
    report = look(target, snapshot)
    grown = report["heap"]["arenas"] - before["heap"]["arenas"]
    assert grown >= 10 and report["pinned"]["arenas"] >= grown - 2
    assert pinned_by(report, lambda row: row.get("path") == "whole.CACHE[*]") > 0.8
    assert report["holders"]["by_path"][0]["path"] == "whole.CACHE[*]"
    texts = advice(report, "container")
    assert len(texts) == 1 and re.search(r"whole.CACHE \((9\d|100) (str|unicode)\)", texts[0])
    target.ask("eval __import__('whole').CACHE.clear()")
    after = look(target, snapshot)
    assert after["heap"]["arenas"] <= before["heap"]["arenas"] + 2
    assert not advice(after, "container")


def test_parked_tuples(target, snapshot):
    before = look(target, snapshot)
    target.ask("eval __import__('whole').grow_with_parked()")
    report = look(target, snapshot)
    grown = report["heap"]["arenas"] - before["heap"]["arenas"]
    assert grown >= 10 and report["pinned"]["arenas"] >= grown - 2
    parked = {"role": "parked", "type": "tuple", "part": None}
    # From 3.14 on the numbers in them are parked, too.
    assert pinned_by(report, lambda row: "what" in row and row["what"]["role"] == "parked") > 0.6
    pinning = [block for arena in report["pinned"]["list"] for block in arena["blocks"]]
    assert [block["items"] for block in pinning if block["what"] == parked].count(3) > 20
    texts = advice(report, "parked")
    assert len(texts) == 1 and "gc.collect()" in texts[0]
    target.ask("gc")
    after = look(target, snapshot)
    assert after["heap"]["arenas"] <= before["heap"]["arenas"] + 2
