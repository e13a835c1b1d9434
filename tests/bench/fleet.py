"""What the agent costs on a host with many Pythons: its CPU time and memory, the latency of a
scrape, and the slowdown of busy processes."""
import contextlib
import os
import signal
import statistics
import subprocess
import time
import urllib.error
import urllib.request

from machine import PYFRAG
from processes import Program

PYTHONS = 200
INTERVAL_S = 15
SECONDS = 5  # of a round of the busy process
PORT = 19876
# Each has some MiB of arenas; one of four changes something from time to time.
SCRIPT = """
import sys, time
kept = [(number, number + 0.5) for number in range(20000)]
print("ready", flush=True)
while True:
    time.sleep(1 if int(sys.argv[1]) % 4 == 0 else 1000)
    kept[::50] = [(number, number * 2.5) for number in range(400)]
"""
SHORT_LIVED_A_MINUTE = 10000
TICK = os.sysconf("SC_CLK_TCK")


class Agent:
    def __init__(self):
        self.process = subprocess.Popen(
            [PYFRAG, "agent", "--listen", "127.0.0.1:%d" % PORT, "-i", str(INTERVAL_S)],
            stderr=subprocess.PIPE)
        said = self.process.stderr.readline().decode()
        if "listening on" not in said:
            raise RuntimeError(said)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.wait()

    def get(self, path):
        start = time.perf_counter()
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (PORT, path), timeout=10) as answer:
            text = answer.read().decode()
        return text, time.perf_counter() - start

    def watched(self):
        try:
            return self.get("/v1/processes")[0].count('"heap"')
        except urllib.error.HTTPError:
            return 0  # it has read nothing yet

    def pids(self):
        """The pids of all its processes."""
        with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as file:
            return [self.process.pid] + [int(word) for word in file.read().split()]

    def cpu_s(self):
        return sum(cpu_s(pid) for pid in self.pids())

    def stopped(self, run, *arguments):
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)
        try:
            return run(*arguments)
        finally:
            for pid in self.pids():
                os.kill(pid, signal.SIGCONT)

    def rss_mib(self):
        """An upper bound: memory that its processes share is counted for each of them."""
        return sum(peak_mib(pid) for pid in self.pids())


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mib(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(file.read().split("VmHWM:")[1].split()[0]) / 1024


@contextlib.contextmanager
def pythons(path, cnt):
    running = [subprocess.Popen([path, "-c", SCRIPT, str(number)], stdout=subprocess.PIPE)
               for number in range(cnt)]
    try:
        for process in running:
            process.stdout.readline()
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def measure(build, quick):
    """Results by name: a share of a core, MiB, ms, a ratio."""
    with pythons(build.path, PYTHONS):
        with Agent() as agent:
            found = _watch(agent, INTERVAL_S * (2 if quick else 6))
            found.update(_beside_short_lived(agent, 10 if quick else 60))
            found["slowdown"] = _busy(agent, build, quick)
    print("A busy one beside it (object_churn): %.3fx" % found["slowdown"])
    return found


def _watch(agent, seconds):
    start, scrapes = time.perf_counter(), []
    while agent.watched() < PYTHONS:
        time.sleep(0.2)
    all_s = time.perf_counter() - start
    time.sleep(INTERVAL_S)
    cpu, start = agent.cpu_s(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        scrapes.append(1e3 * agent.get("/metrics")[1])
        time.sleep(1)
    share = (agent.cpu_s() - cpu) / (time.perf_counter() - start)
    print("%d Pythons, read every %d s, for %d s: %.2f %% of a core, %.0f MiB; a scrape %.1f ms, "
          "at most %.1f ms; all of them read once after %.1f s" %
          (PYTHONS, INTERVAL_S, seconds, 100 * share, agent.rss_mib(),
           statistics.median(scrapes), max(scrapes), all_s))
    return {"share": share, "scrape_ms": max(scrapes), "mib": agent.rss_mib()}


def _beside_short_lived(agent, seconds):
    """Runs 10,000 processes a minute that do nothing. Returns the agent's share of a core
    meanwhile, and the MiB that it grew."""
    cpu, rss, start = agent.cpu_s(), agent.rss_mib(), time.perf_counter()
    for number in range(int(SHORT_LIVED_A_MINUTE / 60 * seconds)):
        time.sleep(max(0, start + number * 60 / SHORT_LIVED_A_MINUTE - time.perf_counter()))
        subprocess.run(["/bin/true"], check=True)
    elapsed = time.perf_counter() - start
    time.sleep(1)
    found = {"short_lived_share": (agent.cpu_s() - cpu) / elapsed,
             "short_lived_mib": agent.rss_mib() - rss}
    print("Beside %d processes a minute that end at once: %.2f %% of a core, %.1f MiB more" %
          (number / elapsed * 60, 100 * found["short_lived_share"], found["short_lived_mib"]))
    return found


def _busy(agent, build, quick):
    """The ratio of rounds while the agent works to rounds while it is stopped, measured
    alternately."""
    ratios = []
    with Program(build.path, "object_churn") as program:
        program.run(2)
        for _ in range(1 if quick else 7):
            before = agent.stopped(program.run, SECONDS).round_s
            during = program.run(SECONDS).round_s
            after = agent.stopped(program.run, SECONDS).round_s
            ratios.append(2 * during / (before + after))
    return statistics.median(ratios)
