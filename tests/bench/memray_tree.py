"""memray, which Debian has from release 13 on: it runs in a root file system of that release as
tests/matrix makes them, with the Python there. Two processes, one with and one without memray, run
alternately."""
import json
import os
import subprocess

import machine
from overhead import PROGRAMS
from processes import Served
from samples import Pair, Run, Spread

PLACE = os.environ.get("PYFRAG_MATRIX", os.path.join(machine.TOP, "build/matrix"))
TREE = PLACE + "/roots/trixie"
INSTALL = ["apt-get", "-o", "Acquire::Check-Valid-Until=false", "-o", "APT::Sandbox::User=root",
           "install", "-q", "-y", "--no-install-recommends", "python3-memray"]
WAYS = (
    ("memray run", []),
    ("  of pymalloc's blocks", ["--trace-python-allocators"]),
)
PAIRS = 3
SECONDS = 0.7
# memray reads /proc, which is mounted for this process only.
ENTER = ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"',
         TREE]


def _succeeds(*command):
    return subprocess.run(ENTER + list(command), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def missing():
    """Why memray cannot run, or None if it can. Installs it into the root file system."""
    if not os.path.exists(TREE + "/usr/bin/python3"):
        return "memray: no tree of Debian 13 in %s (make check-matrix makes one)" % TREE
    if not _succeeds("python3", "-c", "import memray") and not _succeeds(*INSTALL):
        return "memray: cannot be installed into %s" % TREE
    return None


class _InTree(Served):
    def __init__(self, name, options=None):
        memray = ["-m", "memray", "run", "-q", "-f", "-o", "/tmp/bench.memray"] + options \
            if options is not None else []
        # memray prints there which symbols it patches.
        super().__init__(ENTER + ["/usr/bin/python3"] + memray + ["/tmp/repeated.py", name],
                         stderr=subprocess.DEVNULL)

    def run(self):
        return Run(json.loads(self.ask("run", SECONDS)))


def _measure_cell(name, options, quick):
    with _InTree(name) as plain, _InTree(name, options) as traced:
        plain.run(), traced.run()
        pairs = [Pair(plain.run(), traced.run(), traced.run(), plain.run())
                 for _ in range(1 if quick else PAIRS)]
    return Spread([pair.slowdown for pair in pairs])


def measure(quick):
    with open(machine.WORKLOADS + "/repeated.py") as source, \
            open(TREE + "/tmp/repeated.py", "w") as copy:
        copy.write(source.read())
    version = subprocess.run(ENTER + ["python3", "-V"], stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout.split()[1]
    print("Slowdown by memray on Debian 13's %s" % version)
    for label, options in WAYS:
        print("  %-22s" % label + "".join("%24s" % _measure_cell(name, options, quick)
                                          for name in PROGRAMS), flush=True)
    os.unlink(TREE + "/tmp/repeated.py")
    if os.path.exists(TREE + "/tmp/bench.memray"):
        os.unlink(TREE + "/tmp/bench.memray")
