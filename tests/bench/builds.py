"""The Pythons that are traced: Debian's, and one of pyenv's that is linked without optimization,
whose allocator is two functions with names."""
import glob
import os
import re
import subprocess

DEBIAN = "/usr/bin/python3"
PREFERRED = ("3.11", "3.12", "3.10", "3.13")
# A script would probe the first pair that a build has. The functions of the second pair only call
# those of the first, and have the size in another argument.
SYMBOLS = (("_PyObject_Malloc", "_PyObject_Free", "arg1"),
           ("PyObject_Malloc", "PyObject_Free", "arg0"))


class Build:
    def __init__(self, path):
        self.path = path
        self.version = subprocess.run(
            [path, "-c", "import platform; print(platform.python_version())"],
            stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout.strip()
        self.name = "%s %s" % ("pyenv's" if "/versions/" in path else "Debian's", self.version)
        self.code = self._find_code()
        self.malloc, self.free, self.size = self._find_symbols()

    def _find_code(self):
        """The file that contains the interpreter's code."""
        maps = subprocess.run(
            [self.path, "-c", "print(open('/proc/self/maps').read())"],
            stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
        libraries = re.findall(r"/\S*/libpython3\.\d+\S*\.so\S*", maps)
        return libraries[0] if libraries else os.path.realpath(self.path)

    def _find_symbols(self):
        table = subprocess.run(["readelf", "-Ws", self.code], stdout=subprocess.PIPE, check=True,
                               universal_newlines=True).stdout
        functions = set(re.findall(r" FUNC .* (\S+)$", table, re.M))
        for malloc, free, size in SYMBOLS:
            if {malloc, free} <= functions:
                return malloc, free, size
        return None, None, None

    @property
    def names_allocator(self):
        return self.malloc == SYMBOLS[0][0]


def find_pyenv():
    """A Python of pyenv's, or None."""
    root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    for version in PREFERRED:
        for path in sorted(glob.glob("%s/versions/%s.*/bin/python3" % (root, version))):
            if Build(path).names_allocator:
                return path
    return None
