"""The requirements on the numbers, beside the measured values. This is not a test, because each of
them can fail on a busy machine."""
import malloc_heaps
from overhead import BPFTRACE, DEFAULT, DEFAULT_NO_STACKS, FULL, HALF, PROGRAMS, TENTH, WATCH
from reading import allowed_mib, median

# No tracer makes a program faster: a ratio below this is caused by other load on the machine.
IMPLAUSIBLE = 0.98


class Requirements:
    def __init__(self):
        self.lines = []

    def at_most(self, what, limit, values, form="%.3fx"):
        self._add(what, "at most " + form % limit, form, values, _say(max(values) <= limit))

    def at_least(self, what, limit, values, form="%.1fx"):
        self._add(what, "at least " + form % limit, form, values, _say(min(values) >= limit))

    def _add(self, what, limit, form, values, verdict):
        self.lines.append("  %-62s %-18s %-30s %s" % (
            what, limit, ", ".join(form % value for value in values), verdict))

    def _judge_slowdown(self, what, limit, cells):
        medians = [cell.slowdown.median for cell in cells]
        told = all(cell.is_steady for cell in cells) and min(medians) > IMPLAUSIBLE
        self._add(what, "at most %.3fx" % limit, "%.3fx", medians,
                  _say(max(medians) <= limit) if told else "cannot be told: neighbours")

    def judge_floor(self, build, by_floor):
        self.at_most("full / floor on %s" % build.name, 1.2,
                     [by_floor[name].median for name in PROGRAMS], "%.2fx")

    def judge_overhead(self, build, cells, costs):
        for row, limit in ((WATCH, 1.01), (DEFAULT, 1.02),
                           (DEFAULT_NO_STACKS, 1.02), (HALF, 1.005), (TENTH, 1.1)):
            if (row, PROGRAMS[0]) in cells:
                self._judge_slowdown("slowdown on %s, %s" % (build.name, row.label), limit,
                                     [cells[row, name] for name in PROGRAMS])
        if build.names_allocator and (BPFTRACE, PROGRAMS[0]) in costs:
            self.at_least("an event of bpftrace / one in full on %s" % build.name, 10,
                          [costs[BPFTRACE, name] / costs[FULL, name] for name in PROGRAMS])

    def judge_reading(self, heaps, shares):
        for kind, measured in heaps.items():
            first, copy = median(measured.first), median(measured.copy)
            self.at_most("first reading / a plain copy, %s" % kind, 2, [first / copy], "%.2fx")
            self.at_most("first report, start to end / a plain copy, %s" % kind, 2,
                         [median(measured.first_report) / copy], "%.2fx")
            self.at_most("second reading / the first, target idle, %s" % kind, 0.1,
                         [median(measured.slept) / first], "%.3fx")
            self.at_most("second reading / the first, target ran, same heap, %s" % kind, 0.1,
                         [median(measured.unchanged) / first], "%.3fx")
            self.at_most("pyfrag's own memory, %s" % kind, allowed_mib(measured),
                         [measured.peak_mib],
                         "%.0f MiB")
        for what, share in shares.items():
            self.at_most("own CPU, the target %s" % what, 1, [100 * share], "%.2f %%")

    def judge_malloc(self, heaps):
        small, large = (heaps[kind] for kind in malloc_heaps.KINDS)
        self.at_most("reading malloc's small chunks / a plain copy", 1.5,
                     [malloc_heaps.reading_ms(small) / median(small.copy)], "%.2fx")
        self.at_most("second reading of malloc / the first, target idle", 0.1,
                     [median(small.slept) / malloc_heaps.reading_ms(small)], "%.3fx")
        self.at_most("reading malloc's large chunks", 10, [malloc_heaps.reading_ms(large)],
                     "%.0f ms")

    def judge_census(self, found, guppy_s):
        self.at_least("guppy3's heap() / snapshot --by type, 2.6 million blocks", 10,
                      [guppy_s / found["snapshot --by type"]])

    def judge_fleet(self, found):
        self.at_most("agent's own CPU, 200 Pythons every 15 s", 2, [100 * found["share"]],
                     "%.2f %%")
        self.at_most("agent's own memory, 200 Pythons", 64, [found["mib"]], "%.0f MiB")
        self.at_most("agent's own CPU, 10,000 processes a minute besides", 2,
                     [100 * found["short_lived_share"]],
                     "%.2f %%")
        self.at_most("memory for these", 1, [found["short_lived_mib"]], "%.1f MiB")
        self.at_most("a scrape, 200 Pythons", 50, [found["scrape_ms"]], "%.1f ms")
        self.at_most("slowdown of a busy one beside the agent", 1.02, [found["slowdown"]])

    def judge_consuming(self, rates, losses):
        self.at_least("million events a second into the model", 30,
                      [rates[name] / 1e6 for name in PROGRAMS], "%.0f")
        for traced_cnt in sorted({cnt for _, cnt in losses}):
            told = [losses[name, traced_cnt] for name in PROGRAMS]
            self.at_most("events lost, all cores busy, %d traced" % traced_cnt, 0,
                         [sum(trace["lost"] for trace in traces) for traces in told], "%d")
            self.at_least("coverage, all cores busy, %d traced" % traced_cnt, 1,
                          [min(trace["coverage"] for trace in traces) for traces in told], "%.6f")

    def show(self):
        print("Requirements (of three values: %s)" % ", ".join(PROGRAMS))
        for line in self.lines:
            print(line)


def _say(holds):
    return "holds" if holds else "does not hold"
