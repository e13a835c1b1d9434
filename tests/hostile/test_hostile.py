"""Hostile programs against every command: pyfrag survives, stays within its memory limit, reads
other users' Pythons exactly, does them no harm, and reports what it refused.

The programs run as an unprivileged user beside a Python of another user, whose heap is known from
its own statistics. By default several run at once for about a second; with PYFRAG_HOSTILE_SECONDS
they run one at a time for that long (`make check-hostile`)."""
import os
import signal
import sys
import time
import warnings
from contextlib import ExitStack

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))

import attacks  # noqa: E402
import jail  # noqa: E402
import pythons  # noqa: E402
from commands import Agent, Command  # noqa: E402
from neighbours import Hostile, Place, Victim, changed_code  # noqa: E402

PYFRAG = os.environ.get("PYFRAG", os.path.abspath(os.path.join(HERE, "../../pyfrag")))
IS_LONG = "PYFRAG_HOSTILE_SECONDS" in os.environ
SECONDS = float(os.environ.get("PYFRAG_HOSTILE_SECONDS", 1))
PATIENCE = 60  # seconds; generous, for busy machines
MEMORY = 256 * jail.MIB
OPTIONS = ["--json", "--max-memory", "128MiB"]
PYTHON = next((one for one in pythons.find() if one.command == ["/usr/bin/python3.11"]), None)

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: sudo make check-hostile"),
    pytest.mark.skipif(not PYTHON, reason="needs Debian's python3.11, whose "
                                          "structures the programs forge"),
]


class Table:
    """The results of each command beside each program."""

    def __init__(self):
        self.rows = [("program", "command", "outcome", "peak MiB", "refused")]

    def add(self, programs, name, command, failures):
        refused = command.refused()
        shown = ", ".join(refused[:4]) + (", ..." if len(refused) > 4 else "")
        code = command.process.returncode
        outcome = "; ".join(failures) or ("interrupted" if command.interrupted else "ends"
                                          if code == 0 else "refuses")
        self.rows.append((programs, name, outcome, "%.1f" % command.peak_mib(), shown))

    def print(self):
        if len(self.rows) == 1:
            return
        widths = [min(60, max(len(row[i]) for row in self.rows)) for i in range(4)]
        print()
        for row in self.rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " +
                  row[4][:120])


@pytest.fixture(scope="module")
def table(request):
    table = Table()
    yield table
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        table.print()


@pytest.fixture(scope="module")
def new_jail():
    """Makes cgroups of 256 MiB. Where that is not possible, memory is only measured."""
    found, made = jail.find(), []
    if not found:
        print(
            "no cgroup with a memory controller can be made here: memory is measured, not limited")

    def make():
        if not found:
            return None
        made.append(
            jail.Jail(*found, "pyfrag-hostile-%d-%d" % (os.getpid(), len(made))).make(MEMORY))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def place():
    place = Place()
    yield place
    place.remove()


@pytest.fixture
def own_cgroup():
    """Makes the cgroup that a program needs, in the hierarchy that pyfrag shows paths of."""
    made = []

    def make(name):
        if not name:
            return None
        where = jail.unified()
        if not where:
            pytest.skip("needs a mounted cgroup version 2 hierarchy")
        made.append(os.path.join(where, name))
        os.mkdir(made[-1])
        return made[-1]

    yield make
    for path in made:
        wait_for(lambda: not remove_cgroup(path))


def remove_cgroup(path):
    """It cannot be removed while processes in it are still exiting."""
    try:
        os.rmdir(path)
    except OSError:
        return path


def wait_for(condition):
    """Waits until the condition is true or a timeout expires; callers that depend on the condition
    check it again."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def differences(report, stats):
    """The differences between a report and a Python's own statistics."""
    if not report or "heap" not in report:
        return ["the victim is not read"]
    heap = report["heap"]
    found = ["%s is %s, not %s" % (name, heap[name], getattr(stats, name))
             for name in ("arenas", "arena_bytes", "live_bytes", "free_block_bytes",
                          "free_pool_bytes", "overhead_bytes")
             if heap[name] != getattr(stats, name)]
    classes = {row["block_size"]: {name: row[name]
                                   for name in ("pools", "live_blocks", "free_blocks")}
               for row in report["size_classes"]}
    return found + ([] if classes == stats.size_classes else ["its size classes differ"])


def last_of(command, pid):
    return next((report for report in reversed(command.reports())
                 if report["process"]["pid"] == pid), None)


class Round:
    """Some hostile programs and a victim, and what the commands did beside them."""

    def __init__(self, programs, victim, new_jail):
        self.programs, self.victim, self.new_jail = programs, victim, new_jail
        self.failures, self.started = [], []
        self.agent = Agent(PYFRAG, new_jail(), "--max-memory", "128MiB", "--sites", "2")
        self.all = self.start("trace", "-a", "-i", "0.3", "--budget", "50")
        self.snapshot = self.start("snapshot", "-p", victim.pid)
        self.alone = {attack: self.look_at(hostile.pid, 2 if attack.may_hang else PATIENCE)
                      for attack, hostile in programs.items()}
        self.full = None

    def start(self, *args, patience=PATIENCE):
        self.started.append(Command(PYFRAG, [*args, *OPTIONS], self.new_jail(), SECONDS + patience))
        return self.started[-1]

    def look_at(self, pid, patience):
        return (self.start("snapshot", "-p", pid, "--by", "owner", "--paths", "--retained", "--map",
                           patience=patience),
                self.start("trace", "-p", pid, "-d", SECONDS, "-i", "0.3", patience=patience))

    def end(self):
        """Ends everything that still runs, also after a failure."""
        for command in self.started + [self.agent]:
            command.end(signal.SIGKILL)

    def rest(self):
        """Waits until the commands have seen the idle victim completely."""
        start = time.monotonic()
        commands = [self.all, self.snapshot] + [one for pair in self.alone.values() for one in pair]
        self.served = None
        while time.monotonic() < start + SECONDS + PATIENCE and not self.agent.ended():
            for command in commands:
                command.ended()
            self.agent.look_at_metrics()
            self.served = self.agent.report(self.victim.pid) or self.served
            if (self.served and last_of(self.all, self.victim.pid)
                and time.monotonic() > start + SECONDS and
                    not self.unrefused()):
                break
            time.sleep(0.05)
        self.all.end(signal.SIGINT)
        for command in commands:
            command.finish()

    def work(self):
        """Wakes the victim up; every block that it allocates or frees is traced."""
        self.full = self.start("trace", "-p", self.victim.pid, "--mode", "full", "-i", "0.3",
                               "-d", SECONDS)
        wait_for(lambda: self.full.reports() or self.full.ended())  # all probes are attached
        self.victim.wake()
        while not self.full.ended() and time.monotonic() < self.full.started + self.full.seconds:
            self.victim.run("class_instances")
            self.victim.ask("drop")
        self.full.finish()

    def look_afterwards(self):
        """Checks the agent after the hostile programs are gone: no reading hangs, and it still
        finds all processes."""
        def recovered():
            self.agent.look_at_metrics()
            return self.agent.metrics.get("readings_hanging") == 0 or self.agent.ended()

        wait_for(recovered)
        if self.agent.ended():
            self.failures.append("agent: ends by itself")
        elif self.agent.metrics.get("readings_hanging"):
            self.failures.append("agent: hangs after what it hung in is gone")
        elif self.victim.pid not in self.agent.processes():
            self.failures.append("agent: does not know the victim any more")
        self.agent.finish()
        # Other pyfrags on this machine may have probes in it at the moment.
        wait_for(lambda: not changed_code(self.victim.pid))
        self.failures += ["the victim's code has changed: " + where
                          for where in changed_code(self.victim.pid)]
        self.victim.run("class_instances")

    def unrefused(self):
        """The programs for which no output says that something was refused."""
        by_agent = self.agent.refused() + self.all.refused()
        return [attack for attack, pair in self.alone.items() if not attacks.is_refused(
            attack, by_agent + [name for command in pair for name in command.refused()])]

    def judge(self, table):
        victim, together = self.victim, "+".join(attack.name for attack in self.programs)
        self.judge_one(table, together, "agent", self.agent, differences(self.served, victim.stats))
        for name, command in (("trace -a", self.all), ("snapshot VICTIM", self.snapshot)):
            self.judge_one(table, together, name, command,
                           differences(last_of(command, victim.pid), victim.stats))
        tracing = (last_of(self.full, victim.pid) or {}).get("tracing", {})
        self.judge_one(table, together, "trace VICTIM", self.full,
                       [] if tracing.get("coverage") == 1.0 and
                       tracing["allocs"] and not tracing["drift_blocks"]
                       else ["does not see every block: %s" % tracing])
        for attack, pair in self.alone.items():
            for name, command in zip(("snapshot HOSTILE", "trace HOSTILE"), pair):
                self.judge_one(table, attack.name, name, command, [], attack.may_hang)
        for attack in self.unrefused():
            self.failures.append("%s: nothing says that it was refused (%s)" %
                                 (attack.name, attack.refused))

    def judge_one(self, table, programs, name, command, failures, may_hang=False):
        failures = command.failures(may_hang) + failures
        if command.largest_mib() > MEMORY / jail.MIB:
            failures.append("takes %.0f MiB" % command.largest_mib())
        table.add(programs, name, command, failures)
        self.failures += ["%s: %s: %s" % (programs, name, failure) for failure in failures]



def make_groups(is_long, size):
    chosen = [attack for attack in attacks.ATTACKS if attack.is_long == is_long]
    return [chosen[i:i + size] for i in range(0, len(chosen), size)]


GROUPS = make_groups(False, 1) + make_groups(True, 6) if IS_LONG else make_groups(False, 4)


@pytest.mark.parametrize("group", GROUPS,
                         ids=lambda group: "+".join(attack.name for attack in group))
def test_withstands(group, table, new_jail, place, own_cgroup):
    missing = {attack.name: attack.needs for attack in group if attack.needs
               and not os.path.exists(attack.needs)}
    if missing:
        warnings.warn("not started, for there is no such file: %s" % missing)
        group = [attack for attack in group if attack.name not in missing]
    if not group:
        pytest.skip("needs %s" % missing)
    with ExitStack() as until_end:
        with ExitStack() as stack:
            programs = {attack: stack.enter_context(Hostile(
                attack.argv(programs=place.programs, workloads=place.workloads, own=place.own,
                            python=PYTHON.command[0]), place,
                own_cgroup(attack.cgroup), attack.as_root)) for attack in group}
            round = Round(programs, until_end.enter_context(Victim(PYTHON, place)), new_jail)
            until_end.callback(round.end)
            round.rest()
            round.work()
            round.failures += [attack.name + " is dead" for attack,
                               one in programs.items() if not one.lives()]
        round.look_afterwards()
    round.judge(table)
    assert not round.failures, "\n".join(round.failures)
