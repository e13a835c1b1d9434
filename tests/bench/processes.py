"""The processes of the benchmark: programs that are traced, and tracers."""
import json
import os
import signal
import subprocess

from machine import HERE, WORKLOADS
from samples import Run


class Served:
    """A process that answers each line with a line."""

    def __init__(self, command, stderr=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=stderr, universal_newlines=True)
        self.pid = self.process.pid
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("cannot start %s" % " ".join(command))

    def begin(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def end(self):
        return self.process.stdout.readline()

    def ask(self, *words):
        self.begin(*words)
        return self.end()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()


class Program(Served):
    """A program of tests/workloads/repeated.py"""

    def __init__(self, python, name):
        super().__init__([python, WORKLOADS + "/repeated.py", name])

    def run(self, seconds):
        return Run(json.loads(self.ask("run", seconds)))

    def end_run(self):
        return Run(json.loads(self.end()))


class Heap(Served):
    """A process of heaps.py, with @gib of arenas."""

    def __init__(self, python, kind, gib):
        super().__init__([python, HERE + "/heaps.py", kind, str(gib)])


class Tracer:
    """A tracer; it is ready when it has printed a line that says so."""

    def __init__(self, command, is_ready=bool):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, universal_newlines=True)
        self.pid = self.process.pid
        self.lines = []
        while not (self.lines and is_ready(self.lines[-1])):
            self.lines.append(self.process.stdout.readline())
            if not self.lines[-1]:
                raise RuntimeError("%s: %s" % (command[0], self.process.stderr.read()))

    def read_line(self):
        self.lines.append(self.process.stdout.readline())
        return self.lines[-1]

    def stop(self):
        """Makes it detach: a tracer that is killed while it detaches may leave its breakpoints
        behind. Returns all of its output."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=0.3)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
        self.lines += self.process.stdout.readlines()
        self.process.wait()
        self.process.stderr.close()
        return self.lines

    def peak_mib(self):
        """Its own peak memory so far; the value from wait4() includes the memory of the process it
        was forked from."""
        with open("/proc/%d/status" % self.pid) as status:
            return [int(line.split()[1]) for line in status if line.startswith("VmHWM:")][0] / 1024

    def cpu_s(self):
        """The CPU time of all its threads."""
        total_ns = 0
        for thread in os.listdir("/proc/%d/task" % self.pid):
            with open("/proc/%d/task/%s/schedstat" % (self.pid, thread)) as schedstat:
                total_ns += int(schedstat.read().split()[0])
        return total_ns / 1e9
