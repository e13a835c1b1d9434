"""What pyfrag says that freeing the last blocks below the tops of malloc's arenas releases is what
the process loses when they are freed."""
import ast

import pytest

from test_malloc import ONE_OF_EACH_RELEASE, anonymous_bytes, ask


def free(target, pins):
    """Has the target, which waits for addresses, free the pins, the first one last. Returns by how
    much its anonymous memory has fallen."""
    addresses = [int(pin["address"], 16) for pin in reversed(pins)]
    line = "".join("%016x" % address for address in addresses + [0] * (8 - len(addresses)))
    assert target.ask(line) == "ready"
    target.wait_until_blocked()
    before = anonymous_bytes(target.pid)
    assert target.ask("") == "freed"
    target.wait_until_blocked()
    fallen = before - anonymous_bytes(target.pid)
    target.send("")
    return fallen


def pins_of(target, snapshot, blocks):
    """The pins of those arenas whose first pin is one of the blocks: only such pins."""
    assert target.read() == "waiting"
    target.wait_until_blocked()
    malloc, = snapshot(target.pid)["malloc"]
    arenas = []
    for arena in malloc["arenas"]:
        known = [int(pin["address"], 16) in blocks for pin in arena["pins"]] + [False]
        if known[0]:
            arenas.append(arena["pins"][:known.index(False)])
    return arenas


def free_pins(target, snapshot, blocks, counts):
    """So often as there are counts, has the target free so many pins of one arena, those of threads
    first. Each time all arenas must shrink by what the last of the pins says. Returns these."""
    target.send("eval __import__('malloc_oracle').free_what_comes(%d)" % len(counts))
    freed = []
    for cnt in counts:
        pins = pins_of(target, snapshot, blocks)[-1][:cnt]
        assert len(pins) == cnt
        assert free(target, pins) == pins[-1]["releases_bytes"]
        freed.append(pins[-1])
    shrunk = [before - after for before, after in ast.literal_eval(target.read())]
    assert shrunk == [pin["shrinks_bytes"] for pin in freed]
    return freed


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_freed_pins_release_what_is_said(target, snapshot):
    """In the arena of a thread, several heaps of which are unmapped, and in the main arena."""
    blocks = set(ask(target, "pin_here()") + ask(target, "pin_in_thread()"))
    freed = free_pins(target, snapshot, blocks, (1, 2, 1, 2))
    assert freed[0]["shrinks_bytes"] + freed[1]["shrinks_bytes"] > 64 << 20
    assert all(pin["releases_bytes"] > 1 << 20 for pin in freed)


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_high_trim_threshold_withholds_pinned_memory(target, snapshot):
    ask(target, "raise_thresholds()")
    blocks = set(ask(target, "pin_here()"))
    pin, = free_pins(target, snapshot, blocks, (3,))
    assert pin["below_trim_threshold"]
    assert pin["shrinks_bytes"] == pin["releases_bytes"] == 0
    assert pin["withheld_bytes"] > 1 << 20
