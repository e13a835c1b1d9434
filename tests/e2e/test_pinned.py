"""All planted pins are found and nothing else, and releasing them frees exactly the reported
bytes."""

PIN_BLOCK = 496  # workloads.PIN_BYTES plus header and number, rounded up to a size class


def pins(report):
    """The pinned arenas that hold only one planted block: its address by theirs."""
    found = {}
    for arena in report["pinned"]["list"]:
        if arena["live_blocks"] == 1 and arena["blocks"][0]["size"] == PIN_BLOCK:
            found[arena["address"]] = arena["blocks"][0]["address"]
    return found


def test_planted_pins(target, snapshot):
    target.run("ten_pins")
    ids = {hex(number).rstrip("L")
           for number in eval(target.ask("eval [id(block) for block in kept[0]]"))}
    assert len(ids) == 10
    report = snapshot(target.pid)
    found = pins(report)
    assert set(found.values()) == ids
    size = report["python"]["arena_size"]
    for arena, block in found.items():
        assert 0 <= int(block, 16) - int(arena, 16) < size
    # The list begins with the arenas that have the fewest blocks: these ten.
    assert {arena["address"] for arena in report["pinned"]["list"][:10]} == set(found)
    row = next(row for row in report["pinned"]["what_if"] if row["arenas"] == 10)
    assert row["blocks"] == 10

    # The reclaimable bytes are indeed released.
    assert target.ask("drop") == "done"
    after = snapshot(target.pid)
    assert pins(after) == {}
    assert report["heap"]["arena_bytes"] - after["heap"]["arena_bytes"] == row["bytes"]
    remaining = {arena["address"] for arena in after["pinned"]["list"]}
    assert len(remaining & set(found)) == 0


def test_threshold_and_limit_of_blocks(any_target, snapshot):
    any_target.run("tuples_with_survivors")
    all_of_them = snapshot(any_target.pid, "--below", "100%", "--blocks", "100000")["pinned"]
    assert all_of_them["below"] == 1.0
    for arena in all_of_them["list"]:
        assert len(arena["blocks"]) == arena["live_blocks"]
        assert sum(block["size"] for block in arena["blocks"]) == arena["live_bytes"]
    few = snapshot(any_target.pid, "--below", "5%", "--blocks", "3")
    expected = [arena for arena in all_of_them["list"] if arena["occupancy"] < 0.05]
    assert [arena["address"] for arena in few["pinned"]["list"]] == [
        arena["address"] for arena in expected]
    assert all(len(arena["blocks"]) == min(3, arena["live_blocks"])
               for arena in few["pinned"]["list"])
    assert few["counters"]["blocks_unlisted"] == sum(
        arena["live_blocks"] - len(arena["blocks"]) for arena in few["pinned"]["list"])
    assert few["pinned"]["hostage_bytes"] == sum(
        few["python"]["arena_size"] - arena["live_bytes"] for arena in expected)


def test_pinned_for_counts_from_when_it_was_seen(any_target, start_trace):
    trace = start_trace("-p", any_target.pid, "-i", "0.2", "--mode", "watch")
    any_target.run("ten_pins")
    import time
    time.sleep(1)
    reports = trace.stop()
    last = {arena["address"]: arena["pinned_for_s"] for arena in reports[-1]["pinned"]["list"]}
    before = {arena["address"]: arena["pinned_for_s"] for arena in reports[-2]["pinned"]["list"]}
    planted = pins(reports[-1])
    assert len(planted) == 10
    for address in planted:
        assert 0 < before[address] < last[address] < reports[-1]["tracing"]["traced_for_s"] + 0.1
