"""How much slower programs run while they are traced, by their own measure. A pair is two runs with
a tracer between two runs without, all in one process. This measures the steady state; attaching and
detaching are not included (see attaching.py)."""
import statistics

import tracers
from processes import Program
from samples import Pair, Spread, find_steady

PROGRAMS = ("json_churn", "object_churn", "web_mix")
WARM_UP_S = 1


class Row:
    """@seconds is the duration of each run without the tracer; runs with it are @longer times as
    long. A budget is spent in bursts many seconds apart, and a run has to contain several of
    them."""

    def __init__(self, label, attach, pairs, seconds, longer=1):
        self.label = label
        self.attach = attach
        self.pairs = pairs
        self.seconds = seconds
        self.longer = longer


WATCH = Row("watch, budget 0", tracers.pyfrag("--budget", "0"), 4, 1.5)
DEFAULT = Row("default (budget 2 %)", tracers.pyfrag(), 3, 2, 2.5)
DEFAULT_NO_STACKS = Row("default, --stacks none", tracers.pyfrag("--stacks", "none"), 3, 2, 2.5)
HALF = Row("budget 0.5 %", tracers.pyfrag("--budget", "0.5%"), 3, 1.5, 8)
TENTH = Row("budget 10 %", tracers.pyfrag("--budget", "10%"), 3, 1.5, 2)
FULL = Row("full", tracers.pyfrag("--mode", "full"), 2, 0.7)
FULL_NO_STACKS = Row("full, --stacks none", tracers.pyfrag("--mode", "full", "--stacks", "none"), 2,
                     0.7)
FULL_EACH = Row("full, --sample-bytes 0", tracers.pyfrag("--mode", "full", "--sample-bytes", "0"),
                2, 0.7)
FLOOR = Row("floor", tracers.floor, 2, 0.7)
BPFTRACE = Row("bpftrace", tracers.bpftrace, 2, 0.7)
TRACEMALLOC = Row("tracemalloc", tracers.tracemalloc, 2, 0.7)
# The rows for which one per cent matters.
SLIGHT = (WATCH, DEFAULT, DEFAULT_NO_STACKS, HALF, TENTH)


class Cell:
    """A row's numbers for one program."""

    def __init__(self):
        self.pairs = []
        self.disturbed_cnt = 0  # disturbed pairs, which are not in the list
        self.is_steady = True  # at least two pairs were not disturbed
        self.attached = []
        self.rounds = []  # that the tracer saw

    @property
    def slowdown(self):
        return Spread([pair.slowdown for pair in self.pairs])

    @property
    def plain_slowdown(self):
        return Spread([pair.plain_slowdown for pair in self.pairs])

    @property
    def own_account(self):
        return 1 + statistics.median(attached.tracing["cost"]["cpu_share"]
                                     for attached in self.attached)

    def per_round(self, what):
        """Events that the tracer saw per round of the program."""
        return sum(getattr(attached, what) for attached in self.attached) / sum(self.rounds)

    @property
    def added_s(self):
        return statistics.median(pair.added_s for pair in self.pairs)


def _measure_pair(cell, program, build, row, seconds):
    before = program.run(seconds)
    with row.attach(program, build) as attached:
        warm_up = program.run(min(WARM_UP_S, seconds))
        first, second = (program.run(seconds * row.longer) for _ in range(2))
    cell.attached.append(attached)
    cell.rounds.append(warm_up.rounds + first.rounds + second.rounds)
    return Pair(before, first, second, program.run(seconds))


def measure_cell(program, build, row, quick):
    cell = Cell()
    wanted, seconds = (1, row.seconds / 4) if quick else (row.pairs, row.seconds)
    pairs = []
    while len(cell.pairs) < wanted and len(pairs) < 2 * wanted:
        pairs.append(_measure_pair(cell, program, build, row, seconds))
        cell.pairs = find_steady(pairs) if row in SLIGHT else pairs
    cell.is_steady = len(cell.pairs) >= min(2, wanted)
    if not cell.pairs:
        cell.pairs = pairs
    cell.disturbed_cnt = len(pairs) - len(cell.pairs)
    return cell


def _print_row(label, texts):
    print("  %-22s" % label + "".join("%24s" % text for text in texts), flush=True)


def measure(build, rows, quick):
    """Cells by row and program; prints the table row by row."""
    print("Slowdown on %s: median of paired runs (least..most)" % build.name)
    _print_row("", PROGRAMS)
    cells = {}
    for row in rows:
        for name in PROGRAMS:
            with Program(build.path, name) as program:
                program.run(WARM_UP_S)
                cells[row, name] = measure_cell(program, build, row, quick)
        _print_row(row.label, [cells[row, name].slowdown for name in PROGRAMS])
    print("  excluded: %d pairs in which another user of the machine slowed down a whole run" % sum(
        cell.disturbed_cnt for cell in cells.values()))
    print("  no tracing: untraced run after a traced run / untraced run before it (the noise of "
          "these figures)")
    _print_row("  no tracing", [_drift(cells, name, "drift") for name in PROGRAMS])
    print("  what pyfrag says of it")
    for row in rows:
        if row in SLIGHT:
            _print_row("  " + row.label,
                       ["%.3fx" % cells[row, name].own_account for name in PROGRAMS])
    print("  by plain throughput, including the time that other users of the machine took")
    for row in rows:
        if row in SLIGHT:
            _print_row("  " + row.label, [cells[row, name].plain_slowdown for name in PROGRAMS])
    _print_row("  no tracing", [_drift(cells, name, "plain_drift") for name in PROGRAMS])
    return cells


def _drift(cells, program, which):
    return Spread([getattr(pair, which) for (row, name), cell in cells.items()
                   if name == program and row in SLIGHT
                   for pair in cell.pairs])


# Many short turns, because interference from other users of the machine changes within seconds.
FLOOR_TURN_S = 1
FLOOR_TURNS = 15


def measure_full_by_floor(build, quick):
    """Compares the two directly, because their costs are close: floor, full, full, floor. Prints
    the row."""
    ratios = {}
    for name in PROGRAMS:
        with Program(build.path, name) as program:
            program.run(WARM_UP_S)
            ratios[name] = Spread([_full_by_floor(program, build)
                                   for _ in range(1 if quick else FLOOR_TURNS)])
    print("Full / floor on %s, in turns: median (least..most)" % build.name)
    _print_row("", PROGRAMS)
    _print_row("full / floor", [ratios[name] for name in PROGRAMS])
    return ratios


def _full_by_floor(program, build):
    taken_s = {FULL: 0, FLOOR: 0}
    for row in (FLOOR, FULL, FULL, FLOOR):
        with row.attach(program, build):
            taken_s[row] += program.run(FLOOR_TURN_S).round_s
    return taken_s[FULL] / taken_s[FLOOR]


def measure_events(build, cells):
    """The cost of an event, by row and program; prints the table."""
    rows = [row for row in (FULL, FULL_NO_STACKS, FULL_EACH, FLOOR, BPFTRACE)
            if (row, PROGRAMS[0]) in cells]
    events = {name: cells[FULL, name].per_round("allocs") + cells[FULL, name].per_round("frees")
              for name in PROGRAMS}
    costs = {(row, name): cells[row, name].added_s / events[name] * 1e9
             for row in rows for name in PROGRAMS}
    print("Cost of an event (an allocation or a free) on %s: time added to a round / events in it" %
          build.name)
    _print_row("", PROGRAMS)
    _print_row("events a round", ["%.0f" % events[name] for name in PROGRAMS])
    for row in rows:
        if row is BPFTRACE and not build.names_allocator:
            continue
        _print_row(row.label, ["%.0f ns" % costs[row, name] for name in PROGRAMS])
    if BPFTRACE in rows:
        if build.names_allocator:
            _print_row("bpftrace / full", ["%.1fx" % (costs[BPFTRACE, name] / costs[FULL, name])
                                           for name in PROGRAMS])
        print("  bpftrace's script probes %s and %s: it misses blocks that realloc and calloc "
              "take,\n  and counts requests above 512 bytes, too. Its counts, as a share of "
              "pyfrag's:" % (build.malloc, build.free))
        for what in ("allocs", "frees"):
            _print_row("  " + what, ["%.1f %%" % (100 * seen_by_bpftrace(cells, name, what))
                                     for name in PROGRAMS])
    return costs


def seen_by_bpftrace(cells, name, what):
    return cells[BPFTRACE, name].per_round(what) / cells[FULL, name].per_round(what)
