"""Whether pyfrag keeps up with the events: events per second from the ring buffer into the model on
one core, and the events lost when every core is busy."""
import json
import os
import subprocess
import time

from machine import CONSUMER, PYFRAG
from overhead import PROGRAMS
from processes import Program, Tracer


def measure_rate(build):
    """Events per second, by program."""
    rates = {}
    for name in PROGRAMS:
        with Program(build.path, name) as program:
            program.begin("run", 3)
            out = subprocess.run([CONSUMER, str(program.pid)], stdout=subprocess.PIPE, check=True)
            rates[name] = json.loads(out.stdout)["events_per_s"]
    print("Replaying recorded events into the model, one core: %s" % ", ".join(
        "%s %.0f million events/s" % (name, rate / 1e6) for name, rate in rates.items()),
          flush=True)
    return rates


def _trace_busy(build, name, traced_cnt, seconds):
    """The last reports of the traces of @traced_cnt processes, while as many busy processes run as
    there are cores."""
    programs = [Program(build.path, name) for _ in range(os.cpu_count())]
    for program in programs:
        program.begin("run", seconds + 2)
    traces = [Tracer([PYFRAG, "trace", "-p", str(program.pid), "--mode", "full", "--json"])
              for program in programs[:traced_cnt]]
    time.sleep(seconds)
    told = [json.loads(trace.stop()[-1])["tracing"] for trace in traces]
    for program in programs:
        program.__exit__()
    return told


def measure_losses(build, seconds):
    """The events that full traces lost while every core was busy: their last reports, by program
    and by the number of traced processes."""
    found = {}
    for traced_cnt, label in ((1, "one of the busy processes"), (os.cpu_count(), "each process")):
        for name in PROGRAMS:
            found[name, traced_cnt] = _trace_busy(build, name, traced_cnt, seconds)
        print("All %d cores busy, %s traced in full with defaults: %s" % (
            os.cpu_count(), label, "; ".join(
                "%s %.1f million events/s, %d lost, coverage %.6f" % (
                    name, sum(told["allocs"] + told["frees"] for told in found[name, traced_cnt])
                    / seconds / 1e6, sum(told["lost"] for told in found[name, traced_cnt]),
                    min(told["coverage"] for told in found[name, traced_cnt]))
                for name in PROGRAMS)), flush=True)
    return found
