"""The arithmetic of the benchmark, on made-up samples."""
import re

import pytest

from samples import Pair, Run, Spread, find_steady


def quiet(round_s, samples=100, rounds=10):
    return [(rounds, rounds * round_s)] * samples


def test_quiet_run():
    run = Run(quiet(0.001))
    assert run.rounds == 1000
    assert run.round_s == pytest.approx(0.001)
    assert run.plain_round_s == pytest.approx(0.001)
    assert run.lost_s == run.longest_stall_s == 0


def test_neighbour_that_takes_half_is_left_out():
    run = Run(quiet(0.001, 40) + quiet(0.002, 60))
    assert run.round_s == pytest.approx(0.001)
    assert run.plain_round_s == pytest.approx(0.0016)


def test_stall_counts_in_full():
    """A stall of half a second, during which ten rounds were done, among ten seconds of samples."""
    run = Run(quiet(0.001, 1000) + [(10, 0.51)])
    assert run.lost_s == pytest.approx(0.5)
    assert run.longest_stall_s == pytest.approx(0.5)
    assert run.round_s == pytest.approx(0.001 + 0.5 / 10010)


def test_constant_slowdown_is_no_stall():
    """However large it is."""
    run = Run(quiet(0.05))
    assert run.round_s == pytest.approx(0.05)
    assert run.lost_s == 0


def test_samples_of_any_length():
    run = Run([(1, 0.004), (40, 0.16), (3, 0.012)])
    assert run.undisturbed_s == pytest.approx(0.004)
    assert run.lost_s == 0


def test_pair_is_compared_with_both_sides():
    """The machine slows down steadily, and the tracer costs nothing."""
    pair = Pair(*(Run(quiet(0.001 + step * 1e-6)) for step in range(4)))
    assert pair.slowdown == pytest.approx(1, abs=1e-3)
    assert pair.plain_slowdown == pytest.approx(1, abs=1e-3)
    assert pair.added_s == pytest.approx(0, abs=1e-6)
    assert pair.drift == pytest.approx(1.003)


def test_pair_of_slow_tracer():
    pair = Pair(Run(quiet(0.001)), Run(quiet(0.03)), Run(quiet(0.03)), Run(quiet(0.001)))
    assert pair.slowdown == pytest.approx(30)
    assert pair.added_s == pytest.approx(0.029)


def pair_of(*rounds_s):
    return Pair(*(Run(quiet(round_s)) for round_s in rounds_s))


@pytest.mark.parametrize("disturbed", [(0,), (1,), (2,), (3,), (0, 3), (1, 2), (0, 1, 2, 3)])
def test_pair_that_a_neighbour_disturbed(disturbed):
    good = pair_of(0.001, 0.0012, 0.0012, 0.001)
    bad = pair_of(*((1.5 if place in disturbed else 1) * round_s
                    for place, round_s in enumerate((0.001, 0.0012, 0.0012, 0.001))))
    assert find_steady([bad, good]) == [good]


def test_pairs_that_differ_little_stay():
    pairs = [pair_of(0.001, 0.00102, 0.001, 0.001), pair_of(0.00101, 0.001, 0.00101, 0.001)]
    assert find_steady(pairs) == pairs


def test_runs_add_up():
    both = Run(quiet(0.001, 30)) + Run(quiet(0.002, 10))
    assert both.rounds == 400
    assert both.seconds == pytest.approx(0.5)


def test_spread():
    spread = Spread([1.02, 0.99, 1.001])
    assert spread.median == 1.001
    assert re.fullmatch(r"1\.001x \(0\.990\.\.1\.020\)", str(spread))
    assert str(Spread([25.54])) == "25.5x (25.5..25.5)"
