"""Objects that are freed while pyfrag reads them are not taken for objects on free lists."""
import pytest

from conftest import PYTHONS
from target import Target
from test_census import blocks, rows_of

COUNT = 20000
DICTS_MAX = 80  # on the free list of dicts
OLD_AND_NEW = [[python for python in PYTHONS if python.version[:2] == (3, 8)][:1],
               sorted((python for python in PYTHONS if python.version >= (3, 11)),
                      key=lambda python: python.version)[-1:]]
OLD_AND_NEW = [python for pythons in OLD_AND_NEW for python in pythons]
# At any moment, these are being freed, each by the one before.
BEING_FREED_MAX = 20


def churn(target):
    target.ask("eval __import__('census_oracle').start_churn(%d)" % COUNT)


def census(snapshot, target, *options):
    """The rows, and the number of blocks that were freed."""
    report = snapshot(target.pid, "--by", "type", "--top", "1000000", *options)
    rows = rows_of(report)
    assert not blocks(rows, "parked", "census_oracle.Plain", None)
    assert blocks(rows, "parked", "dict", None) <= DICTS_MAX
    return rows, report["counters"]["blocks_freed"]


@pytest.mark.parametrize("python", OLD_AND_NEW, ids=repr)
def test_freed_objects_are_counted(python, snapshot):
    # malloc leaves more of a freed object unchanged than pymalloc.
    with Target(python, env={"PYTHONMALLOC": "malloc"}) as target:
        churn(target)
        assert any(census(snapshot, target)[1] > DICTS_MAX for _ in range(50))


@pytest.mark.parametrize("python", OLD_AND_NEW, ids=repr)
def test_pause_covers_the_census(target, snapshot):
    """With the target paused, nothing is freed before it is read: for each instance there is its
    dict, at any moment."""
    def count(rows, kind):
        return blocks(rows, "object", kind, None)

    target.ask("eval __import__('census_oracle') and None")
    target.wait_until_blocked()
    at_rest = count(census(snapshot, target)[0], "dict")
    dicts_each = 2 if target.python.version < (3, 11) else 1  # its attributes, and the item
    most = 0
    churn(target)
    for _ in range(5):
        rows, freed = census(snapshot, target, "--pause")
        instances = count(rows, "census_oracle.Plain")
        assert count(rows, "dict") - at_rest == pytest.approx(
            dicts_each * instances, abs=BEING_FREED_MAX)
        assert freed <= BEING_FREED_MAX
        most = max(most, instances)
    assert 0 < most <= COUNT
