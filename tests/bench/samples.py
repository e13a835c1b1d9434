"""What a program's samples say of its speed.

Other users of a machine, those of a shared core above all, take up to half of a program's speed,
for milliseconds or for minutes, and a mean of seconds tells more of them than of a tracer that
costs one per cent. So a run is a few hundred samples of some milliseconds each, and its speed is
put together from

  - the undisturbed speed: what the best tenth of the samples reach;
  - what was lost in stalls: all that samples took in excess of that if they took more than three
  times as
    long. That is far more than a neighbour takes, and what happens to a program which is stopped,
    or each of whose allocations is traced for a moment.

The plain speed, rounds by seconds, is kept beside it.
"""
import statistics

BEST = 0.1
STALL = 3
# How far below the best run of its kind an undisturbed one may be.
STEADY = 0.02


class Run:
    """Of samples: [(rounds, seconds), ...]"""

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
        """Of a round, what was lost in stalls included."""
        return self.undisturbed_s + self.lost_s / self.rounds

    @property
    def plain_round_s(self):
        return self.seconds / self.rounds


class Pair:
    """Two runs with something, between two without it: what drifts is the same on both sides."""

    def __init__(self, before, first, second, after):
        within = first + second
        self.runs_without, self.runs_with = (before, after), (first, second)
        self.slowdown = 2 * within.round_s / (before.round_s + after.round_s)
        self.plain_slowdown = within.plain_round_s * (before.rounds + after.rounds) / (
            before.seconds + after.seconds)
        # What a pair says where there is nothing to be seen.
        self.drift = after.round_s / before.round_s
        self.plain_drift = after.plain_round_s / before.plain_round_s
        self.added_s = within.round_s - (before.round_s + after.round_s) / 2  # to a round


def find_steady(pairs):
    """Those in which no neighbour slowed a run down for as long as it took: each is about as fast
    as the best of all runs without, or with. The ratio that a pair gives has no part in that."""
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
    """A median, and how far the single values lie apart."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)

    def __str__(self):
        digits = 3 if self.median < 2 else 2 if self.median < 10 else 1
        return "%.*fx (%.*f..%.*f)" % (
            digits, self.median, digits, self.values[0], digits, self.values[-1])
