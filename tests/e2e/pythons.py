"""Finds the Pythons on this machine."""
import glob
import os
import re
import subprocess

# PYFRAG_TEST_ROOTS: a directory with root file systems of other distributions, each with a Python
# of its own. PYFRAG_TEST_PYTHONS: other interpreters, as names and paths: "clang-O3=/path/to/python
# gcc-O0=/other/python".
ROOTS = os.environ.get("PYFRAG_TEST_ROOTS", "")
OTHERS = os.environ.get("PYFRAG_TEST_PYTHONS", "")


class Python:
    """An interpreter: how to start it, its version and its build."""

    def __init__(self, command, name, root=None):
        self.command = command
        self.name = name
        self.root = root
        out = subprocess.run(
            command + ["-c", "import sys; print('%d %d %d %d' % (sys.version_info[:3] + "
                       "(hasattr(sys, 'gettotalrefcount'),)))"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
        ).stdout.split()
        self.version = tuple(int(part) for part in out[:3])
        # --with-pydebug builds enable the debug hooks by default; tests that need the hooks enable
        # them explicitly.
        self.environment = {"PYTHONMALLOC": "pymalloc"} if out[3] == b"1" else {}

    @property
    def version_text(self):
        return "%d.%d.%d" % self.version

    def __repr__(self):
        return self.name


def _try(found, command, name, root=None):
    try:
        found.append(Python(command, name, root))
    except (OSError, subprocess.CalledProcessError, ValueError):
        pass


def _pyenv_versions():
    roots = [os.environ.get("PYENV_ROOT"), os.path.expanduser("~/.pyenv")]
    for root in roots:
        if root and os.path.isdir(root + "/versions"):
            return sorted(glob.glob(root + "/versions/*/bin/python"))
    return []


def find():
    """Every CPython of the system, of pyenv, and of PYFRAG_TEST_ROOTS, and the interpreters given
    by name."""
    found = []
    for other in OTHERS.split():
        name, _, path = other.partition("=")
        _try(found, [path], name)
    for path in sorted(glob.glob("/usr/bin/python[23].[0-9]*")):
        if re.fullmatch(r"python\d\.\d+", os.path.basename(path)):
            _try(found, [path], "debian-" + os.path.basename(path)[6:])
    for path in _pyenv_versions():
        _try(found, [path], "pyenv-" + path.split("/")[-3])
    for root in sorted(glob.glob(ROOTS + "/*/usr/bin")) if ROOTS else []:
        tree = root[: -len("/usr/bin")]
        for path in sorted(glob.glob(root + "/python3.[0-9]*")):
            if re.fullmatch(r"python\d\.\d+", os.path.basename(path)):
                name = "%s-%s" % (os.path.basename(tree), os.path.basename(path)[6:])
                _try(found, ["chroot", tree, path[len(tree):]], name, tree)
    return found
