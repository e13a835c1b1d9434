"""Whether what is recorded is taken in: events a second from the ring into the model on one core, and what
is lost when every core is busy."""
import json
import os
import subprocess
import time

from machine import CONSUMER, PYFRAG
from overhead import PROGRAMS
from processes import Program, Tracer


def measure_rate(build):
    """Events a second, by program."""
    rates = {}
    for name in PROGRAMS:
        with Program(build.path, name) as program:
            program.begin("run", 10)
            out = subprocess.run([CONSUMER, str(program.pid)], stdout=subprocess.PIPE, check=True)
            rates[name] = json.loads(out.stdout)["events_per_s"]
    print("From a recorded ring into the model, one core: %s" % ", ".join(
        "%s %.0f million events/s" % (name, rate / 1e6) for name, rate in rates.items()), flush=True)
    return rates


def measure_losses(build, seconds):
    """A target in full, and as many others as there are other cores that do the same: by program, the trace's
    last account."""
    found = {}
    for name in PROGRAMS:
        programs = [Program(build.path, name) for _ in range(os.cpu_count())]
        for program in programs:
            program.begin("run", seconds + 2)
        tracer = Tracer([PYFRAG, "trace", "-p", str(programs[0].pid), "--mode", "full", "--json"])
        time.sleep(seconds)
        found[name] = json.loads(tracer.stop()[-1])["tracing"]
        for program in programs:
            program.__exit__()
    print("All %d cores busy, one process traced in full with defaults: %s" % (os.cpu_count(), ", ".join(
        "%s %.1f million events/s, %d lost, coverage %.6f" % (
            name, (told["allocs"] + told["frees"]) / told["traced_for_s"] / 1e6, told["lost"],
            told["coverage"]) for name, told in found.items())), flush=True)
    return found
