"""What pyfrag says that freeing the last blocks below the tops of malloc's arenas releases is what
the process loses when they are freed."""
import ast
import re

import pytest

from conftest import PYTHONS
from target import Target
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


def free_pins(target, snapshot, blocks, counts, releases=True):
    """So often as there are counts, has the target free so many pins of one arena, those of threads
    first. Each time all arenas must shrink by what the last of the pins says, or by nothing.
    Returns these pins."""
    target.send("eval __import__('malloc_oracle').free_what_comes(%d)" % len(counts))
    freed = []
    for cnt in counts:
        pins = pins_of(target, snapshot, blocks)[-1][:cnt]
        assert len(pins) == cnt
        assert free(target, pins) == (pins[-1]["releases_bytes"] if releases else 0)
        freed.append(pins[-1])
    shrunk = [before - after for before, after in ast.literal_eval(target.read())]
    assert shrunk == [pin["shrinks_bytes"] if releases else 0 for pin in freed]
    return freed


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_freed_pins_release_what_is_said(target, snapshot):
    """In the arena of a thread, several heaps of which are unmapped, and in the main arena."""
    blocks = set(ask(target, "pin_here()") + ask(target, "pin_in_thread()"))
    freed = free_pins(target, snapshot, blocks, (3, 3, 2))
    assert freed[1]["shrinks_bytes"] > 64 << 20 > freed[2]["shrinks_bytes"]
    assert all(pin["releases_bytes"] > 1 << 20 for pin in freed)


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
def test_high_trim_threshold_withholds_pinned_memory(target, snapshot):
    ask(target, "raise_thresholds()")
    blocks = set(ask(target, "pin_here()"))
    pin, = free_pins(target, snapshot, blocks, (3,))
    assert pin["below_trim_threshold"]
    assert pin["shrinks_bytes"] == pin["releases_bytes"] == 0
    assert pin["withheld_bytes"] > 1 << 20


def test_trimming_can_be_switched_off(snapshot):
    """By the threshold -1, which malloc takes as the largest number."""
    with Target(PYTHONS[0], env={"MALLOC_TRIM_THRESHOLD_": "-1"}) as target:
        blocks = set(ask(target, "pin_here()"))
        pin, = free_pins(target, snapshot, blocks, (3,))
        malloc, = snapshot(target.pid)["malloc"]
    assert malloc["parameters"]["trim_threshold"] == (1 << 63) - 1
    assert pin["below_trim_threshold"] and pin["releases_bytes"] == 0 < pin["withheld_bytes"]


@pytest.mark.parametrize("python", ONE_OF_EACH_RELEASE, ids=repr)
@pytest.mark.parametrize("has_tcache", (True, False))
def test_small_pins_go_to_a_tcache_first(python, has_tcache, snapshot):
    """And what is in fastbins is released along with the pin."""
    env = {} if has_tcache else {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    with Target(python, env=env) as target:
        blocks = set(ask(target, "pin_above_fastbin(200)"))
        pin, = free_pins(target, snapshot, blocks, (1,), releases=not has_tcache)
        assert pin["cached_when_freed"] == has_tcache
        assert pin["releases_bytes"] > 1 << 20


def test_pin_in_a_tcache_is_freed_when_its_thread_ends(any_target, snapshot):
    pin = ask(any_target, "pin_by_tcache()")[-1]
    any_target.wait_until_blocked()
    before = snapshot(any_target.pid)["malloc"][0]["arenas"][0]
    assert int(before["pins"][0]["address"], 16) == pin
    assert before["pins"][0]["state"] == "tcache"
    ask(any_target, "end_thread()")
    any_target.wait_until_blocked()
    after = snapshot(any_target.pid)["malloc"][0]["arenas"][0]
    shrunk = before["system_bytes"] - after["system_bytes"]
    assert shrunk == before["pins"][0]["shrinks_bytes"] > 1 << 20


def test_object_in_a_pin_is_found(any_target, snapshot):
    ask(any_target, "pin_by_object()")
    any_target.wait_until_blocked()
    pin = snapshot(any_target.pid)["malloc"][0]["arenas"][0]["pins"][0]
    assert 150000 < pin["size"] < 151000
    found = snapshot(any_target.pid, "--object", pin["address"])["object"]
    assert found["what"]["type"] == "bytes"
    assert found["path"] == "malloc_oracle.stamps[0]"


def test_address_in_the_text_leads_to_the_owner_of_a_buffer(any_target, pyfrag, snapshot):
    owners = {buffer: owner for owner, buffer in ask(any_target, "pin_by_buffers()")}
    any_target.wait_until_blocked()
    text = pyfrag("snapshot", "-p", any_target.pid).stdout.decode()
    address, = re.findall(r"to see (?:it|the one that keeps most): snapshot --object (0x[0-9a-f]+)",
                          text)
    found = snapshot(any_target.pid, "--object", address)["object"]
    assert int(found["address"], 16) == owners[int(address, 16)]
    assert found["what"]["type"] == "bytearray"
    assert found["path"] in ["malloc_oracle.buffers[%d]" % i for i in range(len(owners))]
    assert found["chunk"]["address"] == address and found["chunk"]["state"] == "in_use"
    assert 3000 < found["chunk"]["size"] < 3100
    assert (found["chunk"]["what"]["role"], found["chunk"]["what"]["type"]) == ("buffer",
                                                                                "bytearray")


def test_chunk_of_c_code_is_described(any_target, snapshot):
    """By any address in it, while it is in use and when it is free."""
    block = ask(any_target, "pin_here(1)")[0]
    any_target.wait_until_blocked()
    found = snapshot(any_target.pid, "--object", hex(block + 100))["object"]
    assert found["address"] == found["chunk"]["address"] == hex(block)
    assert found["what"]["role"] == "unknown" and found["path"] is None
    assert found["chunk"]["state"] == "in_use" and not found["chunk"]["is_mapped"]
    assert 60000 < found["chunk"]["size"] < 60032
    found = snapshot(any_target.pid, "--object", hex(block - 10000))["object"]
    assert (found["what"]["role"], found["chunk"]["state"]) == ("free", "free")
    assert found["chunk"]["size"] >= 60000
    block = ask(any_target, "libc.malloc(100 << 20)")
    pin = ask(any_target, "pin_by_tcache()")[-1]
    any_target.wait_until_blocked()
    found = snapshot(any_target.pid, "--object", hex(block + 5000))["object"]
    assert found["address"] == hex(block) and found["chunk"]["size"] == (100 << 20) + 4096
    assert found["chunk"]["state"] == "in_use" and found["chunk"]["is_mapped"]
    found = snapshot(any_target.pid, "--object", hex(pin))["object"]
    assert (found["what"]["role"], found["chunk"]["state"]) == ("free", "tcache")
    ask(any_target, "end_thread()")


def test_object_that_is_nowhere(any_target, pyfrag):
    any_target.wait_until_blocked()
    result = pyfrag("snapshot", "-p", any_target.pid, "--object", "0x1000", check=False)
    assert result.returncode == 1
    assert b"take the address from a new report" in result.stderr


def test_all_pins_that_are_counted_have_owners(any_target, pyfrag, snapshot):
    """The first one alone keeps nothing. One of them is of C code."""
    buffers = dict(ask(any_target, "pin_by_buffers(2, above=3000)"))
    any_target.wait_until_blocked()
    report = snapshot(any_target.pid, "--paths")
    pins = [pin["address"] for pin in report["malloc"][0]["arenas"][0]["pins"]]
    named = report["malloc_pins"]
    assert [pin["address"] for pin in named] == pins[:3]
    assert report["malloc_pins_left_out"] == 0
    assert [pin["what"]["type"] for pin in named] == [None, "bytearray", "bytearray"]
    assert [pin["path"] for pin in named] == [None, "malloc_oracle.buffers[1]",
                                              "malloc_oracle.buffers[0]"]
    assert {int(pin["address"], 16) for pin in named[1:]} == set(buffers.values())
    text = pyfrag("snapshot", "-p", any_target.pid, "--paths").stdout.decode()
    assert "freeing 3 chunks at the end of 1 arena" in text
    assert all(re.search("  %s .*(C code holds it|kept alive by malloc_oracle.buffers)"
                         % pin["address"], text) for pin in named)
