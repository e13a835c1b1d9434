"""The cost of attaching and detaching a tracer: the time that the target loses in stalls while a
tracer attaches, reports once, and detaches."""
import statistics
import time

from machine import PYFRAG
from processes import Program, Tracer

ROUNDS = 5
SECONDS = 2.5

WAYS = (
    ("nothing", None),
    ("watch, budget 0", ("--budget", "0")),
    ("default (budget 2 %)", ()),
)


def _visit(program, options):
    program.begin("run", SECONDS)
    time.sleep(0.3)
    if options is not None:
        Tracer([PYFRAG, "trace", "-p", str(program.pid), "--json"] + list(options)).stop()
    return program.end_run()


def measure(build, quick):
    print("Time that a process loses while pyfrag attaches, reports and detaches, on %s: median of "
          "%d" % (build.name, 1 if quick else ROUNDS))
    print("  %-22s %16s %16s" % ("", "longest stall", "lost in all"))
    with Program(build.path, "json_churn") as program:
        for label, options in WAYS:
            runs = [_visit(program, options) for _ in range(1 if quick else ROUNDS)]
            print("  %-22s %13.1f ms %13.1f ms" % (
                label, statistics.median(run.longest_stall_s for run in runs) * 1e3,
                statistics.median(run.lost_s for run in runs) * 1e3), flush=True)
