"""What has changed in malloc during a trace is the difference of what malloc says of itself before
and after."""
import glob

from conftest import PYTHONS
from target import Target
from test_malloc import ask, parse
from test_malloc_pins import free

# So that malloc_info() counts as free what pyfrag does.
NO_TCACHE = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}


def hold_still(target):
    """Nothing is allocated until malloc is asked what it has."""
    target.send("eval __import__('malloc_oracle').say()")
    assert target.read() == "waiting"
    target.wait_until_blocked()


def free_bytes_of(said):
    """malloc_info() adds up the size words of free chunks, each of which has the flag PREV_INUSE
    (1), too, except for tops: each arena has one."""
    chunks, size = said["rest"]
    return said.get("fast", (0, 0))[1] + size - chunks + 1


def figures_of(report):
    """By the division of malloc in the same report."""
    malloc, = report["malloc"]
    return {
        "in_use_bytes": malloc["in_use"]["bytes"] + malloc["mapped"]["bytes"],
        "free_bytes": malloc["top_bytes"] + malloc["mapped_cached"]["bytes"] + sum(
            malloc[part]["bytes"] for part in ("free", "fastbins", "tcache")),
        "trimmable_bytes": malloc["trim_releases_bytes"],
        "lost_bytes": malloc["lost_bytes"] + malloc["missing_bytes"],
        "arenas": len(malloc["arenas"]),
        "arenas_damaged": malloc["arenas_damaged"],
    }


def check_reports(reports):
    """Each report compares its figures with those of the first, and of the one before."""
    assert reports[0]["malloc_changes"]["since_report"] is None
    for i, report in enumerate(reports):
        now = figures_of(report)
        for since, earlier in (("since_start", 0), ("since_report", i - 1)):
            if earlier >= 0:
                changes = report["malloc_changes"][since]
                was = figures_of(reports[earlier])
                assert {key: changes["was"][key] for key in was} == was
                assert {key: changes["change"][key] + was[key] for key in was} == now


def check_with_what_malloc_says(since, before, after):
    was, now = ([free_bytes_of(arena) for arena in said] for said in (before, after))
    assert since["change"]["arenas"] == since["new_arenas"] == len(now) - len(was) == 2
    assert since["change"]["free_bytes"] == sum(now) - sum(was)
    main, = (arena for arena in since["arenas"] if arena["is_main"])
    assert main["was"]["free_bytes"] == was[0]
    assert main["change"]["free_bytes"] == now[0] - was[0]
    assert main["change"]["in_use_bytes"] == (after[0]["system"] - now[0]
                                              - before[0]["system"] + was[0])
    new = [arena["change"] for arena in since["arenas"] if arena["was"] is None]
    assert sorted(each["free_bytes"] for each in new) == sorted(now[1:])
    for each in new:
        arena, = (arena for arena in after if free_bytes_of(arena) == each["free_bytes"])
        rest = arena["system"] - each["free_bytes"] - each["in_use_bytes"]
        assert 2000 < rest < 4096  # struct malloc_state, struct heap_info, and alignment


def test_changes_are_those_that_malloc_says(start_trace):
    with Target(PYTHONS[0], env=NO_TCACHE) as target:
        ask(target, "fill_here(2, 2000)")
        hold_still(target)
        trace = start_trace("-p", target.pid, "-i", "0.1", "--budget", "0")
        before = parse(target.ask(""))
        ask(target, "fill_in_threads(2, 2000)")
        hold_still(target)
        reports = trace.stop()
        check_reports(reports)
        since = reports[-1]["malloc_changes"]["since_start"]
        check_with_what_malloc_says(since, before, parse(target.ask("")))
        assert 0 < since["at_s"] < reports[-1]["tracing"]["traced_for_s"]


def threads_of(pid):
    """Their names by number."""
    threads = {}
    for name in glob.glob("/proc/%d/task/*/comm" % pid):
        with open(name) as file:
            threads[int(name.split("/")[-2])] = file.read().rstrip("\n")
    return threads


def test_pinned_bytes_are_what_freeing_the_pins_releases(any_target, start_trace):
    trace = start_trace("-p", any_target.pid, "-i", "0.1", "--budget", "0")
    before = threads_of(any_target.pid)
    blocks = set(ask(any_target, "pin_in_thread(8, 20)"))
    thread, = threads_of(any_target.pid).items() - before.items()
    any_target.wait_until_blocked()
    report = trace.stop()[-1]
    arena, = (each for each in report["malloc_changes"]["since_start"]["arenas"]
              if int(each["pin"]["address"], 16) in blocks)
    pins, = (each["pins"] for each in report["malloc"][0]["arenas"]
             if each["address"] == arena["address"])
    assert (arena["thread"], arena["thread_name"]) == thread
    assert blocks == {int(pin["address"], 16) for pin in pins}
    assert {key: pins[0][key] for key in arena["pin"]} == arena["pin"]
    any_target.send("eval __import__('malloc_oracle').free_what_comes(1)")
    assert any_target.read() == "waiting"
    assert free(any_target, pins) == arena["change"]["pinned_bytes"] > 1 << 20
