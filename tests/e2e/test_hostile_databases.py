"""Malicious databases, given to every command that reads one, and malicious queries."""
import os
import random
import resource
import sqlite3
import subprocess

import pytest
from conftest import PYFRAG, run_pyfrag

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
MEMORY = 1 << 30  # of address space per command


def limited(*args):
    """Runs a command with limits on memory and CPU time."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    return subprocess.run([PYFRAG, *[str(arg) for arg in args]], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE,
                          timeout=60, preexec_fn=limit)


def fails_in_one_line(result):
    return result.returncode == 1 and result.stderr.count(b"\n") == 1 and result.stderr.startswith(
        b"pyfrag: ")


@pytest.fixture
def heap(any_target, tmp_path):
    """The database of a target's heap."""
    path = str(tmp_path / "heap.db")
    any_target.run("tuples_with_survivors")
    any_target.wait_until_blocked()
    run_pyfrag("snapshot", "-p", any_target.pid, "-o", path)
    return path


def change(path, *statements):
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.executescript(statement)
    database.close()


def test_views_of_the_file_are_not_run(any_target, heap):
    expected = {name: run_pyfrag("query", heap, name).stdout
                for name in ("by_owner", "pinned_arenas", "pins_by_kind")}
    report = run_pyfrag("report", heap).stdout
    hostile = {"pinned_arenas": ENDLESS + " SELECT count(*) FROM c",
               "by_owner": ENDLESS.replace("FROM c)", "FROM c LIMIT 200)") +
               " SELECT hex(zeroblob(100000000)) FROM c",
               "pins_by_kind": "SELECT load_extension('/tmp/x.so')"}
    for name, sql in hostile.items():
        change(heap, "DROP VIEW %s; CREATE VIEW %s AS %s" % (name, name, sql))
    # SQLite by itself would run this query forever.
    with pytest.raises(sqlite3.Error):
        database = sqlite3.connect(heap)
        database.set_progress_handler(lambda: 1, 1000000)
        database.execute("SELECT * FROM pinned_arenas").fetchall()
    for name, said in expected.items():
        assert limited("query", heap, name).stdout == said
    assert limited("report", heap).stdout == report
    assert limited("diff", heap, heap).returncode == 0


@pytest.mark.parametrize("table", ["blocks", "arenas", "kinds", "process", "meta"])
def test_views_in_place_of_tables_are_refused(heap, table):
    change(heap, "ALTER TABLE %s RENAME TO old; CREATE VIEW %s AS %s, o AS (SELECT * FROM old)"
           " SELECT o.* FROM o, c" % (table, table, ENDLESS))
    assert fails_in_one_line(limited("diff", heap, heap))
    result = limited("report", heap)
    assert result.returncode == 1 and result.stderr.count(b"\n") == 1


def test_nothing_is_where_something_should_be(any_target, heap):
    """NULL where a value is expected: a NULL in a name used to break --since."""
    change(heap, "UPDATE kinds SET plain_name = NULL, name = NULL")
    result = limited("snapshot", "-p", any_target.pid, "--by", "type", "--since", heap)
    assert fails_in_one_line(result) and b"damaged" in result.stderr
    assert limited("report", heap).returncode == 0
    change(heap, "UPDATE kinds SET plain_name = 'tuple'",
           "UPDATE blocks SET address = 'x' || address")
    assert fails_in_one_line(limited("snapshot", "-p", any_target.pid, "--by", "type",
                                     "--since", heap))


def test_a_block_that_is_there_twice_is_hidden_once(any_target, heap):
    run_pyfrag("snapshot", "-p", any_target.pid, "--by", "type", "--since", heap)
    once = run_pyfrag("snapshot", "-p", any_target.pid, "--by", "type",
                      "--json", "--since", heap).stdout
    change(heap, "INSERT INTO blocks SELECT id + 10000000, address, pool, arena, size, kind, "
                 "tracked, site FROM blocks")
    twice = run_pyfrag("snapshot", "-p", any_target.pid, "--by", "type",
                       "--json", "--since", heap).stdout

    def hidden(text):
        return text.split(b'"hidden_blocks":')[1].split(b",")[0].split(b"}")[0]

    assert hidden(once) == hidden(twice)


def test_questions_cannot_write(heap, tmp_path):
    with open(heap, "rb") as file:
        before = file.read()
    stolen = str(tmp_path / "stolen")
    for question in ("VACUUM INTO '%s'" % stolen, "ATTACH '%s' AS x" % stolen, "CREATE TABLE x(y)",
                     "PRAGMA query_only=0",
                     "SELECT load_extension('%s')" % stolen,
                     "PRAGMA temp_store_directory = '%s'" % tmp_path,
                     "SELECT writefile('%s', 'x')" % stolen, "UPDATE meta SET value = 7"):
        assert fails_in_one_line(limited("query", heap, question)), question
    assert os.listdir(str(tmp_path)) == ["heap.db"]
    with open(heap, "rb") as file:
        assert file.read() == before


def test_questions_are_bounded(heap, tmp_path):
    result = limited("query", heap, ENDLESS + " SELECT count(*) FROM c", "--timeout", "0.3")
    assert fails_in_one_line(result) and b"--timeout" in result.stderr
    result = limited("query", heap, ENDLESS + " SELECT x, printf('%099999d', x) AS y FROM c ORDER "
                                              "BY y", "--max-memory", "64MiB")
    assert fails_in_one_line(result) and b"--max-memory" in result.stderr
    assert fails_in_one_line(limited("query", heap, "SELECT hex(zeroblob(1000000000))"))
    assert fails_in_one_line(limited("query", heap, "SELECT " + "(" * 10000 + "1" + ")" * 10000))
    assert fails_in_one_line(limited("query", heap, "SELECT 1" + "+1" * 10000))
    # Sorting uses no temporary file either.
    assert os.listdir(str(tmp_path)) == ["heap.db"]


def test_what_is_no_file_is_refused(any_target, tmp_path):
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    for path in (fifo, "/dev/zero", str(tmp_path), "/proc/self/mem"):
        for command in (("query", path, "by_type"), ("report", path), ("diff", path, path),
                        ("snapshot", "-p", any_target.pid, "--by", "type", "--since", path)):
            assert fails_in_one_line(limited(*command)), command


def test_damaged_files_do_no_harm(any_target, heap, tmp_path):
    """Wrong bytes in the schema, in the page headers, or anywhere else."""
    change(heap, "DELETE FROM edges; DELETE FROM objects WHERE id > 500; DELETE FROM blocks WHERE "
                 "id > 5000; VACUUM")
    with open(heap, "rb") as file:
        good = file.read()
    page = int.from_bytes(good[16:18], "big")
    chance = random.Random(13)
    damaged = str(tmp_path / "damaged.db")
    for number in range(40):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 40)):
            where = chance.choice((chance.randrange(100), chance.randrange(page),
                                   chance.randrange(len(bad)),
                                   page * chance.randrange(len(bad) // page) +
                                   chance.randrange(12)))
            bad[where] = chance.choice((0, 255, 128, chance.randrange(256)))
        with open(damaged, "wb") as file:
            file.write(bad[:chance.randrange(len(bad))] if number % 8 == 7 else bad)
        for command in (("report", damaged), ("query", damaged, "by_referrers"),
                        ("diff", damaged, heap)):
            result = limited(*command, "--timeout", "2")
            assert result.returncode in (0, 1), (number, command, result)
            assert result.stderr.count(b"\n") <= 1, (number, command, result.stderr)
    result = limited("snapshot", "-p", any_target.pid, "--by", "type", "--since", damaged)
    assert result.returncode in (0, 1)


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize("args, name", [
    (["snapshot", "-o"], "heap.db"),
    (["trace", "-d", "0.1", "--format", "pprof", "-o"], "heap.pb.gz"),
    (["trace", "-d", "0.1", "--format", "database", "-o"], "heap.db")])
def test_what_is_written_is_the_owners_alone(any_target, tmp_path, open_umask, args, name):
    command = [args[0], "-p", any_target.pid, *args[1:]]
    path, fifo, link = (tmp_path / one for one in (name, "fifo", "link"))
    run_pyfrag(*command, path)
    assert path.stat().st_mode & 0o7777 == 0o600
    os.mkfifo(str(fifo))
    link.symlink_to(path)
    for refused in (fifo, link, "/dev/null", tmp_path):
        assert fails_in_one_line(limited(*command, refused)), refused
    assert link.is_symlink()
    assert sorted(os.listdir(str(tmp_path))) == sorted([name, "fifo", "link"])
