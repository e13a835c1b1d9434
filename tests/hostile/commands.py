"""Runs commands of pyfrag under attack, each in a cgroup with little memory and with a deadline.
Afterwards a command can be asked how it ended, what it reported, how much memory it used, and what
it refused."""
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

from jail import MIB

# Counters that do not show that something was left out or refused: they count work. All other
# counters in reports and metrics do.
BENIGN = {"blocks_unlisted", "pools_retried", "pools_corrected", "events_stale",
          "forks_not_followed",
          "drift_unconfirmed", "sites_unusable"}
REFUSING = re.compile(
    r"unreadable|error|late|hanging|forgotten|refused|skipped|dropped|left_out|capped|truncated"
    r"|evicted|cut|limited|rejected|implausible|unjudged")
# Characters that a terminal may interpret as a command; pyfrag's output contains none of them.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
METRIC = re.compile(
    r'#.*|pyfrag_(?P<name>\w+?)(_total)?(?P<labels>\{(\w+="([^"\\]|\\[\\"n])*",?)*\})? '
    r'(?P<value>\S+)')


def processes_below(pid):
    """@pid and all its descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir("/proc/%d/task" % one):
                with open("/proc/%d/task/%s/children" % (one, task)) as file:
                    todo += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


def peak_kib(pid):
    try:
        with open("/proc/%d/status" % pid) as file:
            match = re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.M)
        return int(match.group(1)) if match else 0
    except OSError:
        return 0


class Command:
    """A pyfrag command that runs until it ends by itself."""

    def __init__(self, program, argv, jail, seconds):
        self.argv = [str(arg) for arg in argv]
        self.jail, self.seconds = jail, seconds
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.peaks, self.hung, self.interrupted = {}, False, False
        self.process = subprocess.Popen((jail.wrapper() if jail else []) + [program] + self.argv,
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err)
        self.started = time.monotonic()

    def look(self):
        """Samples the memory in use; call it from time to time."""
        for pid in processes_below(self.process.pid):
            self.peaks[pid] = max(self.peaks.get(pid, 0), peak_kib(pid))

    def ended(self):
        if self.process.returncode is not None:
            return True
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if not pid:
            self.look()
            return False
        # A child process inherits its parent's peak, here that of this Python.
        if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
            self.peaks[pid] = max(self.peaks.get(pid, 0), usage.ru_maxrss)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return True

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def finish(self):
        """Waits until it ends. If it does not, interrupts it twice, as a user at a terminal would,
        and then kills it."""
        if not self.wait(max(0, self.started + self.seconds - time.monotonic())):
            self.interrupted = True
            self.process.send_signal(signal.SIGINT)
            if not self.wait(3):
                self.end(signal.SIGINT)

    def end(self, sig):
        if self.ended():
            return
        self.process.send_signal(sig)
        if not self.wait(10):
            self.hung = True
            self.process.kill()
            self.wait(10)

    def text(self, file):
        # Uses an offset of its own: the command writes at the file's.
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode(errors="replace")

    @property
    def errors(self):
        return [line for line in self.text(self.err).split("\n") if line]

    def reports(self):
        """All complete lines, of a running command as well as of one that has ended."""
        return [json.loads(line) for line in self.text(self.out).split("\n")[:-1]]

    def largest_mib(self):
        """The peak memory of its largest process. Its cgroup limits all of them together."""
        return max(self.peaks.values(), default=0) * 1024 / MIB

    def peak_mib(self):
        """The peak memory of its processes, with shared pages counted for each; for a command that
        was too short to be sampled, that of its cgroup."""
        return sum(self.peaks.values()) * 1024 / MIB or self.jail and self.jail.peak_mib() or 0

    def refused(self):
        """The names of what it refused."""
        names = {name for report in self.reports() for name, count in report["counters"].items()
                 if count and name not in BENIGN}
        return sorted(names) + self.errors

    def failures(self, may_hang=False):
        """What is wrong with how it ended; empty if nothing is."""
        code = self.process.returncode
        raw = CONTROL.search(self.text(self.out) + self.text(self.err))
        if raw:
            return ["prints a raw %r" % raw.group()]
        if self.hung:
            return ["does not end, not even when asked to"]
        if self.interrupted:
            return [] if may_hang else ["does not end by itself"]
        if code < 0:
            return ["killed by signal %d%s" %
                    (-code, " (out of memory?)" if code == -signal.SIGKILL else "")]
        if code == 1 and not any(line.startswith("pyfrag: ") for line in self.errors):
            return ["fails without saying why: %s" % self.errors[:3]]
        if code not in (0, 1):
            return ["exits with %d: %s" % (code, self.errors[:3])]
        return []


class Agent(Command):
    """A pyfrag agent that runs until it is stopped."""

    def __init__(self, program, jail, *args):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.metrics, self.highest = {}, {}  # the current values, and the highest ones
        self.malformed = []
        super().__init__(program, ["agent", "--listen", "127.0.0.1:%d" % self.port, "-i", "0.3",
                                   "--budget", "50",
                                   *args], jail, None)

    def get(self, path):
        """Status and text, or None if there is no response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def json(self, path):
        answer = self.get(path)
        return json.loads(answer[1]) if answer and answer[0] == 200 else None

    def report(self, pid):
        return self.json("/v1/processes/%d/report" % pid)

    def processes(self):
        return {one["pid"]: one
                for one in (self.json("/v1/processes") or {"processes": []})["processes"]}

    def look_at_metrics(self):
        answer = self.get("/metrics")
        for line in answer[1].split("\n")[:-1] if answer and answer[0] == 200 else []:
            match = METRIC.fullmatch(line)
            if not match or CONTROL.search(line):
                self.malformed.append(line)
            elif match["name"] and not match["labels"]:
                self.metrics[match["name"]] = value = float(match["value"])
                self.highest[match["name"]] = max(self.highest.get(match["name"], 0), value)

    def refused(self):
        said = [line for line in self.errors if "listening on" not in line]
        return sorted(name for name, value in self.highest.items() if value
                      and REFUSING.search(name)) + said

    def failures(self, may_hang=False):
        return super().failures() + ["malformed metrics: %r" % line[:200]
                                     for line in self.malformed[:1]]

    def finish(self):
        self.look()
        self.end(signal.SIGTERM)
