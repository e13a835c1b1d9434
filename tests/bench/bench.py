#!/usr/bin/python3
"""Measures what pyfrag costs beside what other tools cost, in one run. Prints tables of ratios,
then the requirements and whether they are met. As root; `make bench`.

    bench.py [--quick] [--python PATH] [--gib SIZE] [PART ...]

The parts, in order: overhead, floor, memray, reading, malloc, census, fleet, consuming. Runs all
parts if none is named.
"""
import argparse
import os
import sys

import attaching
import builds
import census
import consuming
import fleet
import machine
import malloc_heaps
import memray_tree
import overhead
import reading
import tracers
from requirements import Requirements

PARTS = ("overhead", "floor", "memray", "reading", "malloc", "census", "fleet", "consuming")


class Bench:
    def __init__(self, options):
        self.options = options
        self.debian = builds.Build(builds.DEBIAN)
        other = options.python or builds.find_pyenv()
        self.builds = [self.debian] + ([builds.Build(other)] if other else [])
        self.requirements = Requirements()
        self.skipped = [] if other else ["pyenv: none with an allocator to be found by name"]

    def overhead(self):
        for build in self.builds:
            rows = [overhead.WATCH, overhead.DEFAULT]
            if build is self.debian:
                rows += [overhead.DEFAULT_NO_STACKS, overhead.HALF, overhead.TENTH]
            rows += [overhead.FULL, overhead.FULL_NO_STACKS, overhead.FULL_EACH, overhead.FLOOR]
            reason = tracers.missing_bpftrace(build)
            rows += [] if reason else [overhead.BPFTRACE]
            self.skipped += [reason] if reason else []
            rows.append(overhead.TRACEMALLOC)
            cells = overhead.measure(build, rows, self.options.quick)
            print()
            costs = overhead.measure_events(build, cells)
            print()
            self.requirements.judge_overhead(build, cells, costs)
        attaching.measure(self.debian, self.options.quick)

    def floor(self):
        for build in self.builds:
            self.requirements.judge_floor(build, overhead.measure_full_by_floor(
                build, self.options.quick))

    def memray(self):
        reason = memray_tree.missing()
        if reason:
            self.skipped.append(reason)
        else:
            memray_tree.measure(self.options.quick)

    def reading(self):
        heaps, shares = reading.measure(self.debian, self.options.gib, self.options.quick)
        self.skipped += reading.measure_from_within(self.debian, self.options.gib)
        self.requirements.judge_reading(heaps, shares)

    def malloc(self):
        self.requirements.judge_malloc(malloc_heaps.measure(self.debian, self.options.gib,
                                                            self.options.quick))

    def census(self):
        found, guppy_s, skipped = census.measure(self.debian, self.options.quick)
        self.skipped += skipped
        self.requirements.judge_census(found, guppy_s)

    def fleet(self):
        self.requirements.judge_fleet(fleet.measure(self.debian, self.options.quick))

    def consuming(self):
        rates = consuming.measure_rate(self.debian)
        losses = consuming.measure_losses(self.debian, 2 if self.options.quick else 10)
        self.requirements.judge_consuming(rates, losses)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a single pass each, for development")
    parser.add_argument("--python", help="a second build beside Debian's (default: one of pyenv's)")
    parser.add_argument("--gib", type=float, default=1, help="GiB of arenas (default 1)")
    options = parser.parse_args()
    if set(options.parts) - set(PARTS):
        parser.error("the parts are: %s" % ", ".join(PARTS))
    if os.geteuid() != 0:
        sys.exit("tracing another process takes root: sudo make bench")
    print("On %s" % machine.describe())
    bench = Bench(options)
    for part in PARTS:
        if part in (options.parts or PARTS):
            print()
            getattr(bench, part)()
    print()
    for reason in bench.skipped:
        print("skipped: %s" % reason)
    print()
    bench.requirements.show()


if __name__ == "__main__":
    main()
