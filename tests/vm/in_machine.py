"""A plugin of pytest for an emulated machine: says at once how each test went, and has all that
tests wait for take ten times as long, for the machine is some ten times slower than others."""
import os
import subprocess
import time

SLOWER = 10
CONSOLE = os.open("/dev/console", os.O_WRONLY)
real_monotonic = time.monotonic


def monotonic():
    return real_monotonic() / SLOWER


time.monotonic = monotonic
subprocess._time = monotonic


def say(word, text):
    for line in text.splitlines():
        os.write(CONSOLE, ("VM %s %s\n" % (word, line)).encode())


def pytest_runtest_logreport(report):
    """A test has an outcome when it is set up (skipped), called, and torn down; all that matters is
    said."""
    if report.when == "call" or not report.passed:
        say("outcome", "%s %s %d s" % (report.outcome, report.nodeid, report.duration))
    if not report.passed:
        say("why", report.longreprtext)
