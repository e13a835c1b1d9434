"""Programs whose slowdown is measured: each repeats the same work.

    repeated.py NAME

It prints "ready"; then obeys each line on stdin, answers in a line, and sleeps until the next:

    run SECONDS             the samples taken in that time: [[rounds, seconds], ...]
    tracemalloc on|off      "ok"
"""
import json
import sys
import time

# The duration of a sample: much longer than a round, much shorter than disturbances of the machine.
SAMPLE_S = 0.004

DOCUMENT = {"k%d" % i: [i, str(i), {"a": i * 1.5, "b": None}] for i in range(150)}


def json_churn():
    json.loads(json.dumps(DOCUMENT))


class Node(object):
    def __init__(self, value, following):
        self.value = value
        self.following = following


def object_churn():
    node = None
    for value in range(300):
        node = Node((value, value + 0.5), node)
    return node


ROWS = [{"name": "n%d" % (i * 7919 % 1000), "group": i % 10} for i in range(300)]


def web_mix():
    """A request: parse, look up, compute a little, fill a template."""
    query = dict(pair.split("=") for pair in "id=17&sort=name&page=3&q=some+words".split("&"))
    rows = [row for row in ROWS if row["group"] == int(query["id"]) % 10]
    rows.sort(key=lambda row: row["name"])
    total = sum(number * number for number in range(2000))
    cells = "".join("<td>%(name)s</td><td>%(group)d</td>" % row for row in rows)
    return "<html>%s %d %s</html>" % (cells, total, query["q"].replace("+", " "))


def run(program, seconds):
    clock = time.perf_counter
    samples = []
    now = clock()
    end = now + seconds
    while now < end:
        start = now
        rounds = 0
        while now - start < SAMPLE_S:
            program()
            rounds += 1
            now = clock()
        samples.append((rounds, now - start))
    return json.dumps(samples)


def switch_tracemalloc(on):
    import tracemalloc
    if on:
        tracemalloc.start()
    else:
        tracemalloc.stop()
    return "ok"


def main():
    program = globals()[sys.argv[1]]
    print("ready", flush=True)
    for line in sys.stdin:
        verb, argument = line.split()
        if verb == "run":
            print(run(program, float(argument)), flush=True)
        else:
            print(switch_tracemalloc(argument == "on"), flush=True)


main()
