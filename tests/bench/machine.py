"""Describes the machine for the head of a report, and finds the programs to measure."""
import os
import platform
import re

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PYFRAG = os.environ.get("PYFRAG", TOP + "/pyfrag")
FLOOR = TOP + "/build/tests/bench/floor"
CONSUMER = TOP + "/build/tests/bench/consumer"
WORKLOADS = TOP + "/tests/workloads"


def _first_match(path, pattern):
    with open(path) as file:
        match = re.search(pattern, file.read())
    return match.group(1) if match else "unknown"


def describe():
    return "%d cores (%s%s), %.0f GiB, Linux %s, load %.1f at the start" % (
        os.cpu_count(), _first_match("/proc/cpuinfo", r"model name\s*: (.*)"),
        ", a virtual machine" if " hypervisor " in _first_match("/proc/cpuinfo", r"flags\s*:(.*)") +
        " "
        else "",
        int(_first_match("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20, platform.release(),
        os.getloadavg()[0])
