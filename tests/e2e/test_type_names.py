"""Classes whose names are long, empty, or not printable are classes like any other: pyfrag finds
their instances, and writes nothing that a terminal obeys."""
import json
import re

import pytest

from conftest import PYTHONS, run_pyfrag
from target import Target

COUNT = 50
# The limit, in bytes (TYPE_NAME_BYTES_MAX, user/census/type.h).
LIMIT = 512
NAMES = ["A" * 255, "B" * 256, "C" * LIMIT, "D" * (LIMIT + 1), "E" * 3000, "", "esc\x1b[31m\nline",
         u"\u00e9t\u00e9", "FF" + u"\u00e9" * 2000]
CONTROL = re.compile(b"[\x00-\x09\x0b-\x1f\x7f]")
SOME = [python for version in [(2, 7), (3, 8), (3, 12)]
        for python in [some for some in PYTHONS if some.version[:2] == version][:1]]


@pytest.fixture(scope="module", params=SOME, ids=repr)
def running(request):
    with Target(request.param) as target:
        target.ask("eval kept.append(__import__('census_oracle').plant_named(%r, %d))" % (
            json.dumps(NAMES), COUNT))
        target.wait_until_blocked()
        yield target


def shown(name):
    """The name as pyfrag writes it."""
    text = name.encode()
    cut = text[:LIMIT].decode(errors="ignore") + "..." if len(text) > LIMIT else name
    return "census_oracle." + (cut or "''")


def test_their_instances_are_found(running, snapshot):
    said = json.loads(running.ask("eval __import__('census_oracle').count_named()").strip("'"))
    running.wait_until_blocked()
    report = snapshot(running.pid, "--by", "type", "--top", "1000000")
    seen = {row["type"]: row["tracked_blocks"] for row in report["census"]["rows"]
            if row["role"] == "object"}
    assert said == [COUNT] * len(NAMES)
    assert {shown(name): seen.get(shown(name)) for name in NAMES} == {
        shown(name): cnt for name, cnt in zip(NAMES, said)}
    assert report["counters"]["types_refused"] == 0


@pytest.mark.parametrize("args", [["--by", "type"], ["--by", "owner", "--paths"],
                                  ["--by", "referrers"]], ids=" ".join)
def test_no_control_characters(running, args):
    for more in [], ["--json"]:
        out = run_pyfrag("snapshot", "-p", running.pid, "--top", "1000000", "--below", "100%",
                         *args, *more).stdout
        assert b"esc" in out and not CONTROL.search(out)
        # Not even where a long name is cut in the middle of a character.
        assert u"\u00e9?" not in out.decode()


def test_a_snapshot_in_a_database_is_the_same(running, tmp_path, snapshot):
    path = str(tmp_path / "names.db")
    run_pyfrag("snapshot", "-p", running.pid, "-o", path)
    report = snapshot(running.pid, "--by", "type", "--since", path, "--top", "1000000")
    assert not [row for row in report["census"]["rows"]
                if row["type"] and row["type"] in [shown(name) for name in NAMES]]
