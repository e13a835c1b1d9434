"""Computes a program's speed from samples.

Other users of a machine, above all those who share a core, take up to half of a program's speed,
for milliseconds or for minutes. A mean over seconds shows their load rather than the cost of a
tracer that takes one per cent. Therefore a run is a few hundred samples of some milliseconds each,
and its speed is computed from two parts:

  - the undisturbed speed, which the best tenth of the samples reach;
  - the time lost in stalls: the excess of all samples that took more than three times as long.
    Other users do not slow a sample down that much, but a tracer does that stops the program or
    traces each of its allocations for a moment.

The plain speed, rounds per second, is kept as well.
"""
import statistics

BEST = 0.1
STALL = 3
# How much slower than the best run of its kind an undisturbed run may be.
STEADY = 0.02


class Run:
    """Made of samples: [(rounds, seconds), ...]"""

    def __init__(self, samples):
        each = sorted(seconds / rounds for rounds, seconds in samples)
        excess = [seconds - rounds * each[int(BEST * (len(each) - 1))]
                  for rounds, seconds in samples
                  if seconds > STALL * rounds * each[int(BEST * (len(each) - 1))]]
        self.samples = samples
        self.rounds = sum(rounds for rounds, _ in samples)
        self.seconds = sum(seconds for _, seconds in samples)
        self.undisturbed_s = each[int(BEST * (len(each) - 1))]  # of a round
        self.lost_s = sum(excess)
        self.longest_stall_s = max(excess, default=0.0)

    def __add__(self, other):
        return Run(self.samples + other.samples)

    @property
    def round_s(self):
        """Seconds per round, including the time lost in stalls."""
        return self.undisturbed_s + self.lost_s / self.rounds

    @property
    def plain_round_s(self):
        return self.seconds / self.rounds


class Pair:
    """Two runs with a tracer between two runs without, so that drift affects both kinds equally."""

    def __init__(self, before, first, second, after):
        within = first + second
        self.runs_without, self.runs_with = (before, after), (first, second)
        self.slowdown = 2 * within.round_s / (before.round_s + after.round_s)
        self.plain_slowdown = within.plain_round_s * (before.rounds + after.rounds) / (
            before.seconds + after.seconds)
        # The ratio that a pair gives for no difference at all.
        self.drift = after.round_s / before.round_s
        self.plain_drift = after.plain_round_s / before.plain_round_s
        self.added_s = within.round_s - (before.round_s + after.round_s) / 2  # per round


def find_steady(pairs):
    """The pairs in which no run was slowed down for all of its duration: each run is about as fast
    as the best of its kind, with or without the tracer. The selection does not depend on the pair's
    ratio."""
    best = [min(run.undisturbed_s for pair in pairs for run in kind(pair)) * (1 + STEADY)
            for kind in (_runs_without, _runs_with)]
    return [pair for pair in pairs
            if all(run.undisturbed_s <= limit for kind,
                   limit in zip((_runs_without, _runs_with), best)
                   for run in kind(pair))]


def _runs_without(pair):
    return pair.runs_without


def _runs_with(pair):
    return pair.runs_with


class Spread:
    """A median, and the range of the values."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)

    def __str__(self):
        digits = 3 if self.median < 2 else 2 if self.median < 10 else 1
        return "%.*fx (%.*f..%.*f)" % (
            digits, self.median, digits, self.values[0], digits, self.values[-1])
