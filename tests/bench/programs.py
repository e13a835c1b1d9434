"""Programs to be slowed down: each does what it does over and over.

    programs.py NAME

prints "ready"; then, for each line on stdin, a number of seconds, answers with how many rounds a second it
did in that time.
"""
import json
import sys
import time

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


def web_mix():
    """A request: parse, look up, compute a little, fill a template."""
    query = dict(pair.split("=") for pair in "id=17&sort=name&page=3&q=some+words".split("&"))
    rows = [row for row in ROWS if row["group"] == int(query["id"]) % 10]
    rows.sort(key=lambda row: row["name"])
    total = sum(number * number for number in range(2000))
    cells = "".join("<td>%(name)s</td><td>%(group)d</td>" % row for row in rows)
    return "<html>%s %d %s</html>" % (cells, total, query["q"].replace("+", " "))


ROWS = [{"name": "n%d" % (i * 7919 % 1000), "group": i % 10} for i in range(300)]


def measure(program, seconds):
    clock = time.perf_counter
    start = clock()
    end = start + seconds
    rounds = 0
    while clock() < end:
        program()
        rounds += 1
    return rounds / (clock() - start)


def main():
    program = globals()[sys.argv[1]]
    print("ready", flush=True)
    for line in sys.stdin:
        print(measure(program, float(line)), flush=True)


main()
