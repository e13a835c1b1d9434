"""Profiles as other tools read them: pprof itself, and a parser that knows collapsed stacks only.

The oracle is the list of stacks that went in, summed up here.
"""
import collections
import os
import random
import re
import shutil
import subprocess

import pytest

from conftest import TOP

WRITE_PROFILE = "build/tests/e2e/write_profile"
VALUES = ["live_bytes", "live_blocks", "hostage_bytes", "growth"]

needs_go = pytest.mark.skipif(
    not shutil.which("go"), reason="needs `go tool pprof`: apt-get install golang-go"
)

# (kind, function, file): unusual names from Python, and names that may confuse a parser.
FUNCTIONS = [("python", name, path) for name, path in [
    ("<module>", "app.py"), ("<listcomp>", "app.py"), ("<lambda>", "<string>"), ("main", "app.py"),
    ("Thing.method", "lib/thing.py"), ("outer.<locals>.inner", "lib/thing.py"),
    ("grüße", "/home/ä b/x.py"), ("a;b", "c;d.py"), ("loads", "json/__init__.py"),
    ("std::f(int)", "a (b).py"), ("ends in 12", ""), ("_ZN3fooEv", "x:1.py"), ('"%s"&\\', "\\n.py"),
]] + [("native", "PyObject_Call", "libpython3.11.so"), ("native", "operator<<", "_ext.so")]


def make_stacks(seed):
    """(values, truncated, frames), with frames as (kind, function, file, line), innermost first."""
    choose = random.Random(seed)
    stacks = []
    for _ in range(400):
        values = [choose.choice([0, 1, choose.randrange(2 ** 10), choose.randrange(2 ** 40)])
                  for _ in VALUES]
        frames = [choose.choice(FUNCTIONS) + (choose.randrange(4),)
                  for _ in range(choose.choice([0, 1, 2, 3, 30]))]
        stacks.append((values, choose.random() < 0.2, frames))
    return stacks + choose.sample(stacks, 100)


def with_marks(truncated, frames):
    mark = "[truncated]" if truncated else None if frames else "[no stack]"
    return tuple(frames) + ((("mark", mark, "", 0),) if mark else ())


def add_up(stacks):
    sums = collections.defaultdict(lambda: [0] * len(VALUES))
    for values, truncated, frames in stacks:
        sums[with_marks(truncated, frames)] = [
            a + b for a, b in zip(sums[with_marks(truncated, frames)], values)
        ]
    return dict(sums)


@pytest.fixture(scope="module")
def program():
    environment = {key: value for key, value in os.environ.items() if "MAKE" not in key}
    subprocess.run(["make", "-s", "-C", TOP, WRITE_PROFILE], env=environment, check=True)
    return os.path.join(TOP, WRITE_PROFILE)


@pytest.fixture(params=[1, 2])
def stacks(request):
    return make_stacks(request.param)


@pytest.fixture
def write(program, tmp_path):
    """Writes the stacks in the given format; returns the path of the file."""

    def run(form, stacks):
        lines = []
        for values, truncated, frames in stacks:
            fields = [str(value) for value in values] + ["truncated" if truncated else "whole"]
            for frame in frames:
                fields += [str(field) for field in frame]
            lines.append("\t".join(fields) + "\n")
        path = str(tmp_path / form)
        subprocess.run([program, form, path], input="".join(lines).encode(), check=True)
        assert not [name for name in os.listdir(str(tmp_path)) if name.startswith(".")]
        return path

    return run


@pytest.fixture
def pprof(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("home"))
    environment = dict(os.environ, HOME=home, PPROF_TMPDIR=home, TZ="UTC")

    def run(*args):
        result = subprocess.run(
            ["go", "tool", "pprof"] + list(args), env=environment, check=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home,
        )
        return result.stdout.decode()

    return run


class Raw:
    """The parsed output of `pprof -raw`."""

    def __init__(self, text):
        head, samples, locations, mappings = re.fullmatch(
            r"(.*\n)Samples:\n(.*\n)Locations\n(.*)Mappings\n(.*)", text, re.S
        ).groups()
        self.head = head.splitlines()
        self.types, *samples = samples.splitlines()
        self.mappings = dict(re.findall(r"^(\d+): \S+ (\w+) ", mappings, re.M))
        self.locations = {}
        for line in locations.splitlines():
            found = re.fullmatch(r" *(\d+): 0x0 (?:M=(\d+) )?(.*) (.*):(\d+) s=0\(\)", line)
            number, mapping, name, path, at = found.groups()
            kind = self.mappings.get(mapping, "mark")
            self.locations[number] = (kind, name + " " + path, int(at))
        self.samples = []
        for line in samples:
            values, ids = line.split(":")
            frames = tuple(self.locations[number] for number in ids.split())
            self.samples.append((frames, [int(value) for value in values.split()]))


@needs_go
def test_pprof_reads_every_stack(write, pprof, stacks):
    raw = Raw(pprof("-raw", write("pprof", stacks)))
    # In the output a blank in a file's name cannot be distinguished from the blank before the name,
    # so both are compared as one text. pprof omits empty stacks.
    expected = {
        tuple((kind, name + " " + path, line) for kind, name, path, line in frames): values
        for frames, values in add_up(stacks).items() if any(values)
    }
    assert len(raw.samples) == len(expected)
    assert dict(raw.samples) == expected


@needs_go
def test_pprof_reads_the_head(write, pprof, stacks):
    raw = Raw(pprof("-raw", write("pprof", stacks)))
    assert raw.types == "live_bytes/bytes[dflt] live_blocks/count hostage_bytes/bytes growth/bytes"
    assert raw.mappings == {"1": "python", "2": "native"}
    assert "Comment: process 4242 (gunicorn)" in raw.head
    assert "Comment: CPython 3.11.2" in raw.head
    assert "PeriodType: space bytes" in raw.head
    assert "Period: 524288" in raw.head
    assert "Time: 2023-11-14 22:13:20 +0000 UTC" in raw.head
    assert "Duration: 1m30" in raw.head


def number_of(text):
    """Parses "12" or "12B"; pprof prints no blank between number and unit."""
    return int(text[:-1] if text.endswith("B") else text)


@needs_go
@pytest.mark.parametrize("value", VALUES)
def test_pprof_top(write, pprof, stacks, value):
    flat, cum = collections.Counter(), collections.Counter()
    for frames, values in add_up(stacks).items():
        amount = values[VALUES.index(value)]
        flat[frames[0][1]] += amount
        for name in {frame[1] for frame in frames}:
            cum[name] += amount
    unit = [] if value == "live_blocks" else ["-unit=bytes"]
    out = pprof("-top", "-nodecount=1000", "-nodefraction=0", "-edgefraction=0", *unit,
                "-sample_index=" + value, write("pprof", stacks))
    assert "Type: %s\n" % value in out
    rows = re.findall(r"^ *(\d+B?) +\S+ +\S+ +(\d+B?) +\S+  (.*)$", out, re.M)
    # pprof omits rows of zero.
    assert {name: (number_of(a), number_of(b)) for a, b, name in rows} == {
        name: (flat[name], cum[name]) for name in cum if cum[name]
    }
    assert len(rows) == len({name for name in cum if cum[name]})


@needs_go
def test_pprof_shows_live_bytes_unless_told_otherwise(write, pprof, stacks):
    assert "Type: live_bytes\n" in pprof("-top", write("pprof", stacks))


@needs_go
def test_pprof_reads_a_profile_without_stacks(write, pprof):
    raw = Raw(pprof("-raw", write("pprof", [])))
    assert raw.samples == [] and raw.locations == {}


@needs_go
def test_pprof_takes_the_difference_of_two(write, pprof, stacks, tmp_path):
    whole = write("pprof", stacks)
    other = str(tmp_path / "other")
    os.rename(whole, other)
    difference = pprof("-top", "-sample_index=growth", "-unit=bytes", "-base", other,
                       write("pprof", stacks * 2))
    total = sum(values[VALUES.index("growth")] for values, _, _ in stacks)
    assert "Total samples = %dB" % total in difference


def parse_collapsed(text):
    """Stacks, innermost frame first, and their values; frames of markers have no brackets."""
    sums = collections.Counter()
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        stack, value = line.rsplit(" ", 1)
        sums[tuple(reversed(stack.split(";")))] += int(value)
    return sums


def as_collapsed(kind, name, path, line):
    if kind == "mark":
        return name
    place = (path or "?") + (":%d" % line if line else "")
    return ("%s (%s)" % (name, place)).replace(";", ":")


@pytest.mark.parametrize("value", VALUES)
def test_collapsed(write, stacks, value):
    with open(write(value, stacks), "rb") as file:
        content = file.read()
    expected = collections.Counter()
    for frames, values in add_up(stacks).items():
        if values[VALUES.index(value)]:
            expected[tuple(as_collapsed(*frame) for frame in frames)] += values[VALUES.index(value)]
    assert parse_collapsed(content.decode()) == expected
    lines = content.splitlines()
    assert lines == sorted(lines)
    assert len(lines) == len(expected)


def test_order_of_stacks_does_not_matter_when_collapsed(write, stacks):
    with open(write("live_bytes", stacks), "rb") as file:
        before = file.read()
    with open(write("live_bytes", stacks[::-1]), "rb") as file:
        assert file.read() == before
