"""Profiles of a trace, as other tools read them."""
import contextlib
import os
import shutil
import sqlite3
import subprocess
import time

import pytest
from conftest import PYFRAG, run_pyfrag
from test_pinned import PIN_BLOCK
from test_stacks import LINES

COUNTS = dict(zip(LINES, (40000, 20000, 5000)))


def start(target, *options):
    """Starts a trace that writes a file when it ends; until then it prints nothing on stdout."""
    process = subprocess.Popen(
        [PYFRAG, "trace", "-p", str(target.pid), "--mode", "full", "--sample-bytes", "0", "-v",
         *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b"tracing process" not in process.stderr.readline():
        assert process.poll() is None
    return process


def profile(target, *options):
    """Starts a trace that writes a profile, makes the target fill its heap, and ends the trace."""
    process = start(target, *options)
    target.run("much_of_three_lines")
    target.wait_until_blocked()
    process.terminate()
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.decode()


def values_by_word(lines):
    found = {}
    for line in lines:
        stack, _, value = line.rpartition(" ")
        for word in LINES:
            if stack.split(";")[-1].startswith(word + "_block "):
                found[word] = found.get(word, 0) + int(value)
    return found


def test_collapsed(any_target):
    out = profile(any_target, "--format", "collapsed")
    assert values_by_word(out.splitlines()) == {
        word: count * PIN_BLOCK for word, count in COUNTS.items()}
    assert all(int(line.rpartition(" ")[2]) > 0 for line in out.splitlines())


def test_collapsed_of_another_value(any_target):
    out = profile(any_target, "--format", "collapsed", "--value", "live_blocks")
    assert values_by_word(out.splitlines()) == COUNTS


def test_pprof(any_target, tmp_path):
    if not shutil.which("go"):
        pytest.skip("needs `go tool pprof`: apt-get install golang-go")
    path = str(tmp_path / "heap.pb.gz")
    assert profile(any_target, "--format", "pprof", "-o", path) == ""
    shown = subprocess.run(
        ["go", "tool", "pprof", "-top", "-unit=B", "-sample_index=live_bytes", "-nodecount=100",
         path],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout.decode()
    flat = {fields[5]: fields[0] for fields in map(str.split, shown.splitlines())
            if len(fields) >= 6 and fields[5].endswith("_block")}
    assert flat == {word + "_block": "%dB" % (count * PIN_BLOCK) for word, count in COUNTS.items()}


def test_a_trace_that_is_killed_leaves_no_half_file(any_target, tmp_path):
    path = tmp_path / "heap.pb.gz"
    process = subprocess.Popen([PYFRAG, "trace", "-p", str(any_target.pid), "--format", "pprof",
                                "-o", str(path)])
    time.sleep(1)
    process.kill()
    process.wait()
    assert not path.exists()


def test_no_binary_profile_onto_a_terminal(any_target):
    ours, theirs = os.openpty()
    result = subprocess.run([PYFRAG, "trace", "-p", str(any_target.pid), "--format", "pprof",
                             "-d", "0.1"],
                            stdout=theirs, stderr=subprocess.PIPE, timeout=30)
    os.close(theirs)
    os.close(ours)
    assert result.returncode == 1
    assert b"binary output (--format pprof) to a terminal" in result.stderr
    assert b"-o FILE" in result.stderr


def test_what_cannot_be(any_target, tmp_path):
    for options in (["-o", "x"], ["--format", "pprof", "--stacks", "none"],
                    ["--format", "pprof", "-o", str(tmp_path / "nowhere" / "x")],
                    ["--format", "flame"], ["--value", "bytes"]):
        failed = run_pyfrag("trace", "-p", any_target.pid, *options, check=False)
        assert failed.returncode != 0
        assert len(failed.stderr.decode().splitlines()) == 1


def test_database(any_target, tmp_path):
    path = str(tmp_path / "heap.db")
    assert profile(any_target, "--format", "database", "-o", path) == ""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT site, kind, blocks, bytes FROM by_site"
                                  " WHERE known_of = 'block'").fetchall()
        events = dict(connection.execute("SELECT name, count FROM events"))
        lines = connection.execute("SELECT count(*) FROM frames WHERE function IS NULL").fetchone()
        assert connection.execute("SELECT count(*) FROM blocks WHERE site NOT IN"
                                  " (SELECT id FROM sites)").fetchone() == (0,)
    found = {}
    for site, kind, blocks, size in rows:
        if site.split()[0].endswith("_block") and kind == "bytes":
            word = site.split()[0].rpartition(".")[2][:-len("_block")]
            found[word] = (blocks, size)
    assert found == {word: (count, count * PIN_BLOCK) for word, count in COUNTS.items()}
    assert events["allocs"] > sum(COUNTS.values()) and events["lost"] == 0
    assert lines == (0,)


def test_no_database_of_what_is_gone(any_target, tmp_path):
    path = str(tmp_path / "heap.db")
    process = start(any_target, "--format", "database", "-o", path)
    time.sleep(0.5)  # time for one heap reading
    any_target.process.kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1 and b"exited before the database was written" in err
    assert not os.path.exists(path)


def test_a_database_has_to_have_a_name(any_target):
    result = run_pyfrag("trace", "-p", any_target.pid, "--format", "database", check=False)
    assert result.returncode == 1 and b"-o FILE" in result.stderr
