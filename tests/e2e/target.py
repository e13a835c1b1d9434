"""A target process under test, and its own statistics of its heap."""
import fcntl
import os
import re
import shutil
import subprocess
import time

import symbols
from bystanders import RUN

HERE = os.path.dirname(os.path.abspath(__file__))
WORKLOADS = os.path.join(os.path.dirname(HERE), "workloads")
# On the command line of each target, for --match. Concurrent runs of the tests use different marks.
MARK = "run-" + RUN


class Target:
    """A script of tests/workloads, or of a copy of that directory at @place, run by a given
    Python."""

    def __init__(self, python, env=None, wrapper=(), script="target.py", place=WORKLOADS):
        path = place + "/" + script
        if python.root:
            # The workloads are copied into the other distribution's root directory, so that the
            # Python in there can read them.
            place = python.root + "/tmp/pyfrag-workloads"
            shutil.copytree(WORKLOADS, place, dirs_exist_ok=True)
            path = "/tmp/pyfrag-workloads/" + script
        self.python = python
        self.stderr_read, self.stderr_write = os.pipe()
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
        environment.update(python.environment)
        environment.update(env or {})
        self.process = subprocess.Popen(
            list(wrapper) + python.command + ["-u", path, MARK],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr_write,
            env=environment,
        )
        self.pid = int(self.read().split()[1])

    def read(self):
        line = self.process.stdout.readline().decode()
        assert line, "the target died: " + self.drain_stderr()
        return line.rstrip("\n")

    def send(self, command):
        self.process.stdin.write((command + "\n").encode())
        self.process.stdin.flush()

    def ask(self, command):
        self.send(command)
        return self.read()

    def run(self, workload, rounds=1):
        assert self.ask("run %s %d" % (workload, rounds)) == "done"

    def drain_stderr(self):
        flags = fcntl.fcntl(self.stderr_read, fcntl.F_GETFL)
        fcntl.fcntl(self.stderr_read, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        text = b""
        try:
            while True:
                text += os.read(self.stderr_read, 65536)
        except BlockingIOError:
            pass
        fcntl.fcntl(self.stderr_read, fcntl.F_SETFL, flags)
        return text.decode(errors="replace")

    def states(self):
        """The state of each of its threads, by thread id."""
        states = {}
        for thread in os.listdir("/proc/%d/task" % self.pid):
            try:
                with open("/proc/%d/task/%s/stat" % (self.pid, thread)) as stat:
                    states[int(thread)] = stat.read().rsplit(")", 1)[1].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended meanwhile
        return states

    def living_thread(self):
        return min(thread for thread, state in self.states().items() if state != "Z")

    def end_first_thread(self, how):
        assert self.ask("end " + how) == "done"
        for _ in range(1000):
            if self.states()[self.pid] == "Z":
                return
            time.sleep(0.005)
        raise AssertionError("the first thread does not end")

    def wait_until_blocked(self):
        """Waits until the target has slept for a while: it is then waiting for input."""
        sleeping = 0
        for _ in range(1000):
            sleeping = sleeping + 1 if set(self.states().values()) <= {"S", "Z"} else 0
            if sleeping == 10:
                return
            time.sleep(0.005)
        raise AssertionError("the target does not come to rest")

    def freeze_in_stats(self):
        """Makes the target print its statistics into a pipe that is full. The target blocks inside
        the print, with its heap as counted, until thaw() drains the pipe."""
        flags = fcntl.fcntl(self.stderr_write, fcntl.F_GETFL)
        fcntl.fcntl(self.stderr_write, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        self.filled = 0
        try:
            while True:
                self.filled += os.write(self.stderr_write, b"#" * 4096)
        except BlockingIOError:
            pass
        try:
            while True:
                self.filled += os.write(self.stderr_write, b"#")
        except BlockingIOError:
            pass
        fcntl.fcntl(self.stderr_write, fcntl.F_SETFL, flags & ~os.O_NONBLOCK)
        self.send("stats")
        self.wait_until_blocked()

    def thaw(self):
        text = b""
        done = False
        os.set_blocking(self.stderr_read, False)
        deadline = time.monotonic() + 30
        os.set_blocking(self.process.stdout.fileno(), False)
        while not done or text.count(b"\n") == 0:
            assert time.monotonic() < deadline, "the target does not answer"
            try:
                text += os.read(self.stderr_read, 65536)
            except BlockingIOError:
                time.sleep(0.002)
            line = self.process.stdout.readline()
            done = done or bool(line)
        os.set_blocking(self.process.stdout.fileno(), True)
        try:
            while True:
                text += os.read(self.stderr_read, 65536)
        except BlockingIOError:
            pass
        return text[self.filled:].decode()

    def heap_oracle(self, look):
        """Calls @look while the heap cannot change. Returns what it returns, and the target's own
        statistics of that same heap."""
        if self.python.version < (3, 3):
            self.wait_until_blocked()
            return look(), symbols.malloc_stats(self.living_thread())
        self.freeze_in_stats()
        seen = look()
        return seen, MallocStats(self.thaw())

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        os.close(self.stderr_read)
        os.close(self.stderr_write)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class MallocStats:
    """The parsed output of sys._debugmallocstats()."""

    def __init__(self, text):
        self.text = text
        self.size_classes = {}
        for match in re.finditer(r"^ *(\d+) +(\d+) +(\d+) +(\d+) +(\d+) *$", text, re.M):
            _, size, pools, used, free = (int(part) for part in match.groups())
            self.size_classes[size] = {"pools": pools, "live_blocks": used, "free_blocks": free}
        self.arenas = self.number(r"# arenas allocated current")
        self.arena_bytes = self.number(r"\d+ arenas \* \d+ bytes/arena")
        self.live_bytes = self.number(r"# bytes in allocated blocks")
        self.free_block_bytes = self.number(r"# bytes in available blocks")
        self.free_pool_bytes = self.number(r"\d+ unused pools \* \d+ bytes")
        self.overhead_bytes = (
            self.number(r"# bytes lost to pool headers")
            + self.number(r"# bytes lost to quantization")
            + self.number(r"# bytes lost to arena alignment")
        )

    def number(self, label):
        match = re.search(label + r" += +([\d,]+)", self.text)
        assert match, "no %r in:\n%s" % (label, self.text)
        return int(match.group(1).replace(",", ""))
