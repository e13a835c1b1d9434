"""The processes on the host under test: a victim, whose heap is known, and a hostile program. They
belong to two different unprivileged users."""
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile

import target
from bystanders import NOBODY, as_user
from target import Target

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "programs")
# The directory in which `make` builds the C programs.
BUILT = os.environ.get("PYFRAG_HOSTILE", os.path.join(HERE, "../../build/tests/hostile/programs"))
HOSTILE_USER, VICTIM_USER = NOBODY, 65533


class Place:
    """A directory that both users can read, with the programs, and a directory of the hostile
    user."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="pyfrag-hostile-")
        os.chmod(self.path, 0o755)
        self.programs = self.path + "/programs"
        self.workloads = self.path + "/workloads"
        self.own = self.path + "/own"
        shutil.copytree(PROGRAMS, self.programs)
        shutil.copytree(target.WORKLOADS, self.workloads)
        os.rename(self.workloads + "/target.py", self.workloads + "/victim.py")
        for name in os.listdir(BUILT):
            if "." not in name:
                shutil.copy(os.path.join(BUILT, name), self.programs)
        os.mkdir(self.own)
        os.chown(self.own, HOSTILE_USER, HOSTILE_USER)
        subprocess.run(["chmod", "-R", "a+rX", self.programs, self.workloads], check=True)

    def remove(self):
        # Paths in there may be longer than Python supports.
        subprocess.run(["rm", "-rf", self.path], check=True)


class Victim(Target):
    """An honest Python of another user, blocked in the middle of printing its own statistics."""

    def __init__(self, python, place):
        super().__init__(python, wrapper=as_user(VICTIM_USER), script="victim.py",
                         place=place.workloads)
        self.run("tuples_with_survivors", 2)
        self.freeze_in_stats()
        self.stats = None

    def wake(self):
        """Lets it continue; its statistics describe the heap as it was all the time."""
        self.stats = target.MallocStats(self.thaw())


def changed_code(pid):
    """The places where a process' code differs from its files; empty if it does not."""
    places = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp ([0-9a-f]+) \S+ \d+ +(/.*)", line)
            if not match or not os.path.exists(match.group(4)):
                continue
            start, end, offset = (int(part, 16) for part in match.groups()[:3])
            with open(match.group(4), "rb") as file:
                file.seek(offset)
                expected = file.read(end - start)
            memory.seek(start)
            found = memory.read(end - start)[:len(expected)]
            if found != expected:
                at = next(i for i in range(len(expected)) if found[i] != expected[i])
                places.append("%#x of %s" % (offset + at, match.group(4)))
    return places


class Hostile:
    """A running hostile program, and all processes that it starts."""

    def __init__(self, argv, place, cgroup=None, as_root=False):
        wrapper = [] if as_root else as_user(HOSTILE_USER)
        if cgroup:
            wrapper = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', cgroup] + wrapper
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(wrapper + argv, cwd=place.own, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.errors,
                                        start_new_session=True,
                                        env={"PATH": os.environ["PATH"],
                                             "PYTHONDONTWRITEBYTECODE": "1"})
        self.pid = self.process.pid
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        words = self.process.stdout.readline().split() if readable else []
        if words[:1] != [b"ready"]:
            self.close()
            self.errors.seek(0)
            raise AssertionError("%s does not start: %s" %
                                 (argv, self.errors.read().decode(errors="replace")))
        if len(words) > 1:
            self.pid = int(words[1])

    def lives(self):
        return self.process.poll() is None

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
