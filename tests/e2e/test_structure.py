"""The checks of `make lint` on the structure of the code find what they look for."""
import os
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

FILES = {
    "docs/code.md": "    include <- util <- { left, right } <- cmd <- main.c\n",
    "include/pyfrag/events.h": "",
    "bpf/maps.bpf.h": '#include "pyfrag/events.h"\n',
    "bpf/pyfrag.bpf.c": '#include "maps.bpf.h"\n#include "vmlinux.h"\n',
    "user/main.c": '#include "cmd/trace.h"\n',
    "user/util/array.h": "",
    "user/util/array.c": '#include "util/array.h"\n\n#include <stdio.h>\n',
    "user/left/one.h": '#include "pyfrag/events.h"\n#include "util/array.h"\n',
    "user/right/two.h": '#include "util/array.h"\n',
    "user/cmd/trace.h": '#include "left/one.h"\n#include "right/two.h"\n',
}


def say(directory, changes, tool, *options):
    for path, text in dict(FILES, **changes).items():
        path = directory / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    result = subprocess.run([sys.executable, TOP + "/tools/" + tool, *options, str(directory)],
                            stdout=subprocess.PIPE)
    said = result.stdout.decode()
    assert result.returncode == (1 if said else 0)
    return said


AGAINST = "against the order of docs/code.md: "


@pytest.mark.parametrize("changes, expected", [
    ({}, ""),
    ({"user/util/array.h": '#include "left/one.h"\n'},
     AGAINST + "util/array uses left/one\ncycle: left/one, util/array\n"),
    ({"user/left/one.h": '#include "right/two.h"\n'}, AGAINST + "left/one uses right/two\n"),
    ({"user/util/array.c": '#include "cmd/trace.h"\n'},
     AGAINST + "util/array uses cmd/trace\n"
     "cycle: cmd/trace, left/one, right/two, util/array\n"),
    ({"bpf/maps.bpf.h": '#include "util/array.h"\n'}, AGAINST + "bpf/maps.bpf uses util/array\n"),
    ({"include/pyfrag/events.h": '#include "util/array.h"\n'},
     AGAINST + "pyfrag/events uses util/array\n"),
    ({"user/cmd/trace.c": '#include "bpf/maps.bpf.h"\n'},
     AGAINST + "cmd/trace uses bpf/maps.bpf\n"),
    ({"user/cmd/options.h": '#include "cmd/table.h"\n', "user/cmd/table.h": "",
      "user/cmd/table.c": '#include "cmd/options.h"\n'}, "cycle: cmd/options, cmd/table\n"),
    ({"user/new/part.h": ""}, AGAINST + "directory new is not in docs/code.md\n"),
    ({"docs/code.md": FILES["docs/code.md"].replace("right", "right, gone")},
     AGAINST + "directory gone is in docs/code.md only\n"),
])
def test_the_order_of_directories_and_cycles(tmp_path, changes, expected):
    assert say(tmp_path, changes, "include_graph.py", "-q") == expected


def test_columns(tmp_path):
    within = {"user/util/array.h": "\t" + "x" * 92 + "\n", "tests/one.py": "x" * 100,
              "build/made.c": "x" * 200, "docs/wide.md": "x" * 200}
    beyond = {"user/util/array.h": "\n\t" + "x" * 93 + "\n", "tests/one.py": "é" * 101}
    assert say(tmp_path, within, "columns.py") == ""
    assert say(tmp_path, beyond, "columns.py") == (
        "tests/one.py:1: 101 columns\nuser/util/array.h:2: 101 columns\n")
