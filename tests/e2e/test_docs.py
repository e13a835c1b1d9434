"""The documentation agrees with the code."""
import glob
import json
import os
import re

from conftest import run_pyfrag

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(TOP, path)) as file:
        return file.read()


def keys_of(schema):
    for key, value in schema.get("properties", {}).items():
        yield key
        yield from keys_of(value)
        for part in [value.get("items", {})] + value.get("anyOf", []) + value.get("oneOf", []):
            yield from keys_of(part)


def test_report_md_explains_every_key():
    text = read("docs/report.md")
    words = set(re.findall(r"\w+", text))
    missing = set(keys_of(json.loads(read("docs/report.schema.json")))) - words
    assert not missing


def test_schema_knows_every_counter():
    header = read("include/pyfrag/counters.h")
    counters = set(re.findall(r'X\(\w+,\s*(?:\\\s*)?"(\w+)"', header))
    schema = json.loads(read("docs/report.schema.json"))
    assert len(counters) > 10
    assert counters == set(schema["properties"]["counters"]["properties"])


def test_readme_names_every_command():
    commands = re.findall(r"^  (\w+) {2,}", run_pyfrag("--help").stdout.decode(), re.M)
    assert len(commands) >= 4
    readme = read("README.md")
    for command in commands:
        assert "`pyfrag %s" % command in readme


def test_documents_link_to_what_is_there():
    for document in ["README.md"] + ["docs/" + name for name in os.listdir(TOP + "/docs")]:
        for link in re.findall(r"\]\(([^)#]+)\)", read(document)):
            if "://" not in link:
                assert os.path.exists(os.path.join(TOP, os.path.dirname(document), link)), link


def test_rooms_use_those_to_their_left():
    line = re.search(r"^    include <- (.*) <- main\.c$", read("docs/code.md"), re.M).group(1)
    steps = [re.findall(r"[\w/]+", step) for step in line.split("<-")]
    rank = {room: step for step, rooms in enumerate(steps) for room in rooms}
    files = [os.path.relpath(path, TOP + "/user") for path in glob.glob(TOP + "/user/*/**/*.[ch]", recursive=True)]
    assert set(rank) == {os.path.dirname(file) for file in files}
    wrong = []
    for file in files:
        room = os.path.dirname(file)
        for used in map(os.path.dirname, re.findall(r'^#include "(\w+/[\w/]+)\.h"', read("user/" + file), re.M)):
            if used not in (room, "pyfrag") and rank[used] >= rank[room]:
                wrong.append("%s uses %s" % (file, used))
    assert not wrong


def test_comments_have_at_most_100_columns():
    wide = []
    for path in glob.glob(TOP + "/**/*.[ch]", recursive=True):
        if path.startswith(TOP + "/build/"):
            continue
        for number, line in enumerate(read(path).split("\n"), 1):
            if len(line.expandtabs(8)) > 100 and re.search(r"/\*|\*/|^\s*\* ", line):
                wide.append("%s:%d" % (os.path.relpath(path, TOP), number))
    assert not wide
