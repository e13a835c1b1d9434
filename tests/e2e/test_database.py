"""The heap as a database: SQL queries give what the report says, and more."""
import ast
import json
import os
import sqlite3

import pytest

from conftest import run_pyfrag
from target import MARK, Target


@pytest.fixture
def database(tmp_path):
    """Writes the heap of a target to a file, and opens it."""
    opened = []

    def write(target, *args):
        path = "%s/%d.db" % (tmp_path, len(opened))
        target.wait_until_blocked()
        run_pyfrag("snapshot", "-p", target.pid, "-o", path, *args)
        opened.append(sqlite3.connect(path))
        return path, opened[-1]

    yield write
    for connection in opened:
        connection.close()


def rows_of(report, key):
    rows = {}
    for row in report["census"]["rows"]:
        name = key(row)
        blocks, size = rows.get(name, (0, 0))
        rows[name] = (blocks + row["blocks"], size + row["bytes"])
    return rows


def view(connection, name):
    rows = {}
    for key, blocks, size in connection.execute("SELECT * FROM " + name):
        rows[key] = (blocks, size)
    return rows


@pytest.mark.slow
def test_views_say_what_the_report_does(target, snapshot, database):
    target.run("class_instances")
    target.run("tuples_with_survivors")
    _, connection = database(target)

    def report(by):
        return snapshot(target.pid, "--by", by, "--top", "1000000")

    assert view(connection, "by_size") == rows_of(report("size"), lambda row: row["block_size"])
    assert view(connection, "by_arena") == rows_of(report("arena"), lambda row: row["arena"])
    by_type = rows_of(report("type"), lambda row: row["type"] if row["role"] == "object" else None)
    del by_type[None]
    said = view(connection, "by_type")
    assert {name: said[name] for name in by_type} == by_type
    heap = report("type")["heap"]
    assert connection.execute("SELECT count(*), sum(size) FROM blocks").fetchone() == (
        heap["live_blocks"], heap["live_bytes"])
    assert connection.execute(
        "SELECT sum(live_blocks), sum(live_bytes) FROM arenas").fetchone() == (
        heap["live_blocks"], heap["live_bytes"])
    assert connection.execute("SELECT sum(live_blocks) FROM pools").fetchone() == (
        heap["live_blocks"],)
    pinned = report("type")["pinned"]
    assert connection.execute(
        "SELECT count(*), sum(hostage_bytes) FROM pinned_arenas").fetchone() == (
        pinned["arenas"], pinned["hostage_bytes"])
    assert connection.execute("SELECT count(*) FROM pinning_blocks").fetchone() == (
        pinned["live_blocks"],)


def test_referrers_and_vias_are_those_of_the_report(any_target, snapshot, database):
    any_target.ask("eval __import__('leak').handle(0, 1000)")
    _, connection = database(any_target)
    for by in ("referrers", "via"):
        rows = snapshot(any_target.pid, "--by", by, "--top", "1000000")["census"]["rows"]
        said = view(connection, "by_" + by)
        # A root is not an object; roots have a table of their own.
        for row in rows:
            names = [name for name in row[by] if name != "[root]"]
            if len(names) == 1 and "[root]" not in row[by] and "..." not in names:
                assert said[names[0]][0] >= row["blocks"], row
    assert connection.execute("SELECT sum(blocks) FROM by_referrers").fetchone() == (
        connection.execute("SELECT count(*) FROM blocks").fetchone())


def test_references_to_itself_are_edges(target, database):
    target.ask("eval __import__('objects_oracle').plant() and None")
    planted = ast.literal_eval(target.ask("eval __import__('objects_oracle').plant_selves()"))
    _, connection = database(target)
    found = {address: via for address, via in connection.execute(
        "SELECT objects.address, vias.name FROM edges JOIN objects ON objects.id = edges.source"
        " JOIN vias ON vias.id = edges.via WHERE source = target")}
    for key, via, address in planted:
        # Up to 3.10 an instance has a dict, and the dict holds the reference.
        if key != "instance" or target.python.version >= (3, 11):
            assert found.get(address) == via, key


def test_the_leak_is_told_from_the_cache_by_its_referrers(target, snapshot, database):
    target.ask("eval __import__('leak').handle(1000, 5000)")
    _, connection = database(target)
    told = dict(connection.execute(
        "SELECT holders.name, count(DISTINCT objects.id) FROM objects"
        " JOIN kinds ON kinds.id = objects.kind JOIN edges ON edges.target = objects.id"
        " JOIN objects AS referrers ON referrers.id = edges.source"
        " JOIN kinds AS holders ON holders.id = referrers.kind"
        " WHERE kinds.name = 'leak.Marker' GROUP BY 1"))
    assert told == {"collections.deque": 100, "dict": 5000}


def test_questions(target, database):
    path, _ = database(target)
    told = run_pyfrag("query", path, "by_owner", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in told]
    assert rows and set(rows[0]) == {"kind", "blocks", "bytes"}
    table = run_pyfrag("query", path, "SELECT 1 + 1 AS two, 'x' AS letter").stdout.decode()
    assert table.split() == ["two", "letter", "2", "x"]
    report = run_pyfrag("report", path).stdout.decode()
    assert "What is in the heap, by owner" in report and str(target.pid) in report
    for question in ("SELECT nothing", "", "DELETE FROM blocks"):
        result = run_pyfrag("query", path, question, check=False)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1, question


def test_no_values(any_target, database):
    any_target.ask("eval __import__('paths_oracle').plant()")
    path, connection = database(any_target, "--no-values")
    assert connection.execute("SELECT count(*) FROM vias WHERE name = '[...]'").fetchone()[0] > 0
    with open(path, "rb") as file:
        assert b"user:17" not in file.read()


@pytest.mark.parametrize("args", [
    ["snapshot", "-p", "PID"], ["snapshot", "-p", "PID", "--json"],
    ["snapshot", "-p", "PID", "-o", "FILE"],
    ["trace", "-p", "PID", "-d", "0.1"], ["trace", "-p", "PID", "-d", "0.1", "--json"],
    ["trace", "-p", "PID", "-d", "0.1", "--format", "database", "-o", "FILE"],
    ["trace", "-a", "--match", MARK, "-d", "1"],
    ["trace", "-a", "--match", MARK, "-d", "1", "--json"],
], ids=lambda args: " ".join(args).replace(MARK, "MARK"))
def test_no_values_leaves_out_the_command_line(any_target, tmp_path, args):
    """A command line may contain passwords. The target's is `python -u SCRIPT MARK`; text reports
    truncate it."""
    args = [word.replace("PID", str(any_target.pid)) for word in args]

    def has_command_line(name, *more):
        words = [word.replace("FILE", "%s/%s" % (tmp_path, name)) for word in args]
        written = run_pyfrag(*words, *more).stdout
        if "FILE" in args:
            written = (tmp_path / name).read_bytes()
        assert b"python" in written
        return b" -u " in written or MARK.encode() in written

    any_target.wait_until_blocked()
    assert has_command_line("with"), "the text that must be left out does not appear at all"
    assert not has_command_line("without", "--no-values")


@pytest.mark.slow
def test_diff_and_since(target, snapshot, database):
    target.ask("eval __import__('leak').keep(1)")
    before, _ = database(target)
    target.ask("eval __import__('leak').keep(1234)")
    after, _ = database(target)
    rows = [json.loads(line)
            for line in run_pyfrag("diff", after, before, "--json").stdout.splitlines()]
    kept = [row for row in rows if row.get("kind") == "leak.Kept"]
    assert [row["blocks"] for row in kept] == [1234]
    target.wait_until_blocked()
    rows = [json.loads(line) for line in run_pyfrag("diff", str(target.pid), before,
                                                    "--json").stdout.splitlines()]
    assert [row["blocks"] for row in rows if row.get("kind") == "leak.Kept"] == [1234]
    report = snapshot(target.pid, "--since", before, "--top", "1000000")
    kept = [row["blocks"] for row in report["census"]["rows"] if row["type"] == "leak.Kept"]
    assert kept == [1234]
    census = report["census"]
    assert census["blocks"] + census["hidden_blocks"] == report["heap"]["live_blocks"]
    assert census["blocks"] < census["hidden_blocks"]


def test_another_process(any_target, database):
    path, connection = database(any_target)
    with open("/proc/%d/stat" % any_target.pid) as stat:
        started = int(stat.read().rsplit(")", 1)[1].split()[19])
    assert connection.execute("SELECT pid, start_ticks FROM process").fetchone() == (
        any_target.pid, started)
    with Target(any_target.python) as other:
        second, connection = database(other)
        refused = run_pyfrag("snapshot", "-p", other.pid, "--by", "type", "--since", path,
                             check=False)
        assert refused.returncode == 1 and refused.stdout == b""
        assert refused.stderr.count(b"\n") == 1
        assert b"another process (pid %d), not from process %d" % (any_target.pid,
                                                                   other.pid) in refused.stderr
        told = run_pyfrag("diff", path, second, "--json")
        assert b"warning: A and B are from different processes" in told.stderr
        assert told.stderr.count(b"\n") == 1
        heaps = [json.loads(line) for line in told.stdout.splitlines()][:2]
        assert [(row["heap"], row["pid"]) for row in heaps] == [("A", any_target.pid),
                                                                ("B", other.pid)]
        # An earlier process that had the same pid.
        connection.execute("UPDATE process SET start_ticks = start_ticks - 1")
        connection.commit()
        refused = run_pyfrag("snapshot", "-p", other.pid, "--by", "type", "--since", second,
                             check=False)
        assert refused.returncode == 1 and b"from an earlier process" in refused.stderr
    assert run_pyfrag("diff", path, path).stderr == b""


def test_failures_leave_no_file(any_target, tmp_path):
    missing = str(tmp_path / "missing" / "heap.db")
    result = run_pyfrag("snapshot", "-p", any_target.pid, "-o", missing, check=False)
    assert result.returncode == 1 and result.stderr.count(b"\n") == 1
    assert b"missing" in result.stderr
    result = run_pyfrag("snapshot", "-p", any_target.pid, "-o", "/dev/null", check=False)
    assert result.returncode == 1 and b"it is a device" in result.stderr
    other = tmp_path / "other.db"
    other.write_bytes(b"no database" * 1000)
    for command in (("query", str(other), "by_type"), ("report", str(other)),
                    ("diff", str(other), str(other)), ("query", str(tmp_path / "none"), "by_type")):
        result = run_pyfrag(*command, check=False)
        assert result.returncode == 1 and result.stderr.count(b"\n") == 1, command
    assert os.listdir(str(tmp_path)) == ["other.db"]
