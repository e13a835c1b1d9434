"""A hint is given where its pattern is, and a process started as it says has less memory."""
import pytest

from conftest import PYTHONS
from target import Target
from test_malloc import anonymous_bytes, ask

SETTINGS = {
    "MALLOC_ARENA_MAX": ("pin_in_threads()", "2"),
    "MALLOC_MMAP_THRESHOLD_": ("pin_large_blocks()", "131072"),
    "MALLOC_TRIM_THRESHOLD_": ("leave_top()", "131072"),
}


def look(snapshot, calls, env=None):
    """The hints on a target that has run the calls, by rule, and its anonymous memory."""
    with Target(PYTHONS[0], env=env) as target:
        for call in calls:
            ask(target, call)
        target.wait_until_blocked()
        malloc, = snapshot(target.pid)["malloc"]
        hints = {hint["rule"]: hint["bytes"] for hint in malloc["hints"]}
        if "malloc_trim" in hints:
            assert hints["malloc_trim"] == malloc["trim_releases_bytes"]
        return hints, anonymous_bytes(target.pid)


@pytest.mark.parametrize("rule", SETTINGS)
def test_setting_of_a_hint_helps(snapshot, rule):
    call, value = SETTINGS[rule]
    hints, without = look(snapshot, [call])
    assert set(hints) - {"malloc_trim"} == {rule}
    hints_then, with_it = look(snapshot, [call], env={rule: value})
    assert not set(hints_then) & set(SETTINGS)
    if rule == "MALLOC_ARENA_MAX":  # what two arenas keep is not said
        assert with_it < without - hints[rule] / 2
    else:
        assert with_it == pytest.approx(without - hints[rule], abs=hints[rule] / 100)


def test_no_hint_without_a_pattern(snapshot):
    """At the start; and with much in use."""
    assert look(snapshot, [])[0] == {}
    assert look(snapshot, ["raise_thresholds()", "fill_large()"]
                )[0] == {}
