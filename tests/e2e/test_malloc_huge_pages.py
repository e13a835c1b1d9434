"""glibc's malloc in huge pages (tunable glibc.malloc.hugetlb): figures are as exact as without.
With 2 there is no heap by brk(), and heaps of threads are of other sizes in some versions."""
import pytest

from target import Target
from test_malloc import ONE_OF_EACH_RELEASE, ask, check_equal, look
from test_malloc_pins import free_pins

POOL = "/proc/sys/vm/nr_hugepages"
PAGES = 100


@pytest.fixture
def huge_pages():
    """So many pages for hugetlbfs, and afterwards as many as before."""
    with open(POOL) as file:
        before = int(file.read())
    with open(POOL, "w") as file:
        file.write(str(before + PAGES))
    with open(POOL) as file:
        are_there = int(file.read()) == before + PAGES
    if are_there:
        yield
    with open(POOL, "w") as file:
        file.write(str(before))
    if not are_there:
        pytest.skip("the kernel has not enough free memory for huge pages")


@pytest.fixture
def target(python, huge_pages):
    with Target(python, env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"}) as target:
        with open("/proc/%d/maps" % target.pid) as maps:
            if "/anon_hugepage" not in maps.read():
                pytest.skip("this glibc has no such tunable")
        yield target


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_equals_what_malloc_says(target, snapshot):
    ask(target, "fill_here(2, 2000)")
    ask(target, "fill_in_threads(2, 2000)")
    report, said = look(target, snapshot)
    malloc, = report["malloc"]
    check_equal(malloc, said)
    assert len(malloc["arenas"]) >= 3 and malloc["in_use"]["bytes"] > 10 << 20


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_freed_pins_release_what_is_said(target, snapshot):
    blocks = set(ask(target, "pin_in_thread(3, 60)"))
    pin, = free_pins(target, snapshot, blocks, (2,))
    assert pin["releases_bytes"] > 2 << 20


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_transparent_huge_pages(python, snapshot):
    with Target(python, env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}) as target:
        ask(target, "fill_here(2, 2000)")
        report, said = look(target, snapshot)
        malloc, = report["malloc"]
        check_equal(malloc, said)
