"""The documentation agrees with the code."""
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
