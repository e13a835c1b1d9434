import json
import os
import signal
import subprocess
import threading

import fastjsonschema
import pytest

import pythons
from bystanders import end_all_but, of_this_run
from target import Target

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
PYFRAG = os.environ.get("PYFRAG", TOP + "/pyfrag")
PYTHONS = pythons.find()
# Tests marked "slow" run on these only, and on all others in the matrix.
EVERY_THIRD = sorted(PYTHONS, key=lambda python: python.version)[::3]
ALSO_SLOW = bool(os.environ.get("PYFRAG_TEST_ALSO_SLOW"))
PYTHONS_OF_SLOW_TESTS = PYTHONS if ALSO_SLOW else EVERY_THIRD
# No test takes a tenth of it.
HANGS_AFTER_S = 600


def pytest_report_header(config):
    header = ["pythons: " + ", ".join(repr(python) for python in PYTHONS)]
    if not ALSO_SLOW:
        header.append("slow tests only on: " + ", ".join(repr(python) for python in EVERY_THIRD))
    return header


def pytest_generate_tests(metafunc):
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "python" in metafunc.fixturenames and "python" not in named:
        is_slow = metafunc.definition.get_closest_marker("slow")
        metafunc.parametrize("python", PYTHONS_OF_SLOW_TESTS if is_slow else PYTHONS, ids=repr)


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root: sudo make check"))


@pytest.fixture(autouse=True)
def nothing_runs_on():
    """Ends what a failed test leaves behind. It would disturb later tests: an agent probes every
    process whose name matches."""
    before = of_this_run()
    yield
    end_all_but(before)


@pytest.fixture(autouse=True)
def nothing_hangs():
    """Fails a test that waits for ever, for instance for a line that never comes, in place of the
    whole run."""
    def give_up(number, frame):
        raise TimeoutError("the test has not ended after %d s" % HANGS_AFTER_S)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANGS_AFTER_S)
    yield
    signal.alarm(0)


def built_program(name):
    """A program of this directory, from the build that is tested."""
    built = os.path.dirname(os.path.abspath(PYFRAG))
    for directory in (built + "/build", built):
        path = directory + "/tests/e2e/" + name
        if os.access(path, os.X_OK):
            return path
    pytest.skip("%s is not built beside %s: make check-e2e" % (name, PYFRAG))


def run_pyfrag(*args, check=True, timeout=120, **kwargs):
    result = subprocess.run(
        [PYFRAG] + [str(arg) for arg in args],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **kwargs,
    )
    if check:
        assert result.returncode == 0, result.stderr.decode()
    return result


@pytest.fixture
def pyfrag():
    return run_pyfrag


@pytest.fixture
def snapshot():
    """Takes a snapshot of a process and returns the report as a dictionary."""

    def take(pid, *args):
        return check_report(run_pyfrag("snapshot", "-p", pid, "--json", *args).stdout)

    return take


def mode_of(args):
    """Tests that choose no mode trace every event."""
    return [] if {"--mode", "--budget"} & set(args) else ["--mode", "full"]


@pytest.fixture
def trace():
    """Traces a process and returns the reports as dictionaries."""

    def take(pid, *args):
        result = run_pyfrag("trace", "-p", pid, "--json", *mode_of(args), *args)
        return [check_report(line) for line in result.stdout.splitlines()]

    return take


@pytest.fixture
def any_target():
    """A target that runs one Python only, for tests that do not depend on the Python."""
    with Target(PYTHONS[0]) as running:
        yield running


@pytest.fixture
def target(python):
    with Target(python) as running:
        yield running


class Trace:
    """A pyfrag trace that runs beside the test; returns its reports when it has ended."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [PYFRAG, "trace", "--json"] + mode_of(args) + [str(arg) for arg in args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        # The first report is written when all probes are attached.
        self.lines = [self.process.stdout.readline()]
        if not self.lines[0]:
            raise AssertionError(self.process.stderr.read().decode())
        # A trace blocks when nobody reads its reports.
        self.reader = threading.Thread(target=self.lines.extend, args=(self.process.stdout,))
        self.reader.start()

    def stop(self, sig=signal.SIGINT):
        self.process.send_signal(sig)
        return self.wait()

    def wait(self):
        self.stderr = self.process.stderr.read().decode()
        self.reader.join()
        self.process.wait(timeout=60)
        assert self.process.returncode == 0, self.stderr
        return [check_report(line) for line in self.lines]


@pytest.fixture
def start_trace():
    running = []

    def start(*args):
        running.append(Trace(*args))
        return running[-1]

    yield start
    for trace in running:
        if trace.process.poll() is None:
            trace.process.kill()
            trace.process.wait()


with open(TOP + "/docs/report.schema.json") as file:
    # fastjsonschema supports the drafts up to 7, in which the keywords that the schema uses mean
    # the same. python3-jsonschema would take most of a test's time: it walks the schema anew for
    # each of a hundred thousand blocks.
    validate = fastjsonschema.compile(
        dict(json.load(file), **{"$schema": "http://json-schema.org/draft-07/schema#"}))


def check_report(line):
    """The report as a dictionary, after checks that it conforms to the schema and that its byte
    counts add up."""
    report = json.loads(line)
    try:
        validate(report)
    except fastjsonschema.JsonSchemaValueException as error:
        raise AssertionError("%s: %s" % (error.message, error.value)) from None
    if report["heap"]:
        check_heap(report)
    else:
        assert report["python"]["allocator"] in ("malloc", "malloc_debug")
    assert report["counters"]["blocks_stray"] == 0, (report["tracing"], report["counters"])
    assert report["counters"]["pools_unclassified"] == 0, (report["tracing"], report["counters"])
    return report


def check_heap(report):
    heap = report["heap"]
    assert heap["arena_bytes"] == (
        heap["live_bytes"] + heap["free_block_bytes"] + heap["free_pool_bytes"]
        + heap["overhead_bytes"] + heap["unread_bytes"])
    assert heap["arena_bytes"] == heap["arenas"] * report["python"]["arena_size"]
    assert heap["live_blocks"] == sum(row["live_blocks"] for row in report["size_classes"])
    assert heap["live_bytes"] == sum(
        row["live_blocks"] * row["block_size"] for row in report["size_classes"])
    assert heap["free_block_bytes"] == sum(
        row["free_blocks"] * row["block_size"] for row in report["size_classes"])
