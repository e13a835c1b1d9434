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


@pytest.fixture
def target(python):
    """malloc leaves more of a freed object unchanged than pymalloc."""
    with Target(python, env={"PYTHONMALLOC": "malloc"}) as running:
        running.ask("eval __import__('census_oracle').start_churn(%d)" % COUNT)
        yield running


@pytest.mark.parametrize("python", OLD_AND_NEW, ids=repr)
def test_freed_objects_are_counted(target, snapshot):
    freed = 0
    for _ in range(50):
        report = snapshot(target.pid, "--by", "type", "--top", "1000000")
        rows = rows_of(report)
        assert not blocks(rows, "parked", "census_oracle.Plain", None)
        assert blocks(rows, "parked", "dict", None) <= DICTS_MAX
        freed = max(freed, report["counters"]["blocks_freed"])
        if freed > DICTS_MAX:
            return
    raise AssertionError("no snapshot had freed objects: at most %d" % freed)
