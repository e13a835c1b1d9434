"""A pytest plugin for emulated machines: it prints each test's outcome at once, and multiplies all
timeouts of the tests by ten, because the machine is about ten times slower than others."""
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
    """A test has an outcome for its setup (skipped), its call and its teardown; every outcome that
    matters is printed."""
    if report.when == "call" or not report.passed:
        say("outcome", "%s %s %d s" % (report.outcome, report.nodeid, report.duration))
    if not report.passed:
        say("why", report.longreprtext)
