"""Every error gives one clear line on stderr, exit status 1, nothing on stdout, and leaves nothing
behind."""
import json
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

import pythons
from conftest import PYFRAG, PYTHONS, run_pyfrag
from target import MARK, Target


def assert_refused(*args, says, **kwargs):
    result = run_pyfrag(*args, check=False, **kwargs)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1, (result.returncode, lines)
    assert len(lines) == 1 and lines[0].startswith("pyfrag: "), lines
    for word in [says] if isinstance(says, str) else says:
        assert word in lines[0], lines
    assert result.stdout == b""


@pytest.fixture(params=["snapshot", "trace"])
def command(request):
    return request.param


def start(*command, **kwargs):
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **kwargs)


def tell(process, line):
    process.stdin.write(line.encode() + b"\n")
    process.stdin.flush()


def stop(process):
    process.kill()
    process.communicate()


def test_no_such_process(command):
    process = start("true")
    process.communicate()
    assert_refused(command, "-p", process.pid, says=["no process", str(process.pid)])


def test_zombie(command):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    try:
        while "\nState:\tZ" not in open("/proc/%d/status" % pid).read():
            time.sleep(0.01)
        assert_refused(command, "-p", pid, says="zombie")
    finally:
        os.waitpid(pid, 0)


def test_thread_id(command):
    with Target(PYTHONS[0]) as target:
        assert target.ask("eval __import__('_thread').start_new_thread("
                          "__import__('time').sleep, (30,)) and None") == "None"
        threads = [int(name) for name in os.listdir("/proc/%d/task" % target.pid)]
        thread = max(threads)
        assert thread != target.pid
        assert_refused(command, "-p", thread, says=["thread", "-p %d" % target.pid])
        target.process.kill()


def test_not_a_python(command):
    process = start("sleep", "60")
    try:
        assert_refused(command, "-p", process.pid, says=["not a CPython process", "sleep"])
    finally:
        stop(process)


def test_kernel_thread(command):
    if open("/proc/2/comm").read().strip() != "kthreadd":
        pytest.skip("no kernel threads are visible here")
    assert_refused(command, "-p", 2, says="2 (kthreadd)")


def test_pypy(command):
    if not shutil.which("pypy3"):
        pytest.skip("needs pypy3: apt-get install pypy3")
    process = start("pypy3", "-c", "print('up', flush=True); import time; time.sleep(60)")
    try:
        process.stdout.readline()
        assert_refused(command, "-p", process.pid, says="PyPy")
    finally:
        stop(process)


@pytest.mark.parametrize("python", [python for python in PYTHONS if python.version >= (3, 6)],
                         ids=repr)
def test_other_allocator(python):
    """A trace follows pymalloc only. Objects in malloc's memory are read by a snapshot, others are
    not read at all."""
    commands = {"malloc": ["trace"]}
    instead = "to read the heap as it is, use `pyfrag snapshot`"
    if python.version >= (3, 13):
        commands["mimalloc"] = ["trace", "snapshot"]
    for allocator in commands:
        with Target(python, env={"PYTHONMALLOC": allocator}) as target:
            for command in commands[allocator]:
                assert_refused(command, "-p", target.pid,
                               says=["no pymalloc arenas", "PYTHONMALLOC=" + allocator]
                               + [instead] * (allocator == "malloc"))


def test_free_threaded():
    path = os.environ.get("PYFRAG_TEST_FREETHREADED")
    if not path:
        pytest.skip("needs a free-threaded Python, named by PYFRAG_TEST_FREETHREADED")
    with Target(pythons.Python([path], "free-threaded")) as target:
        assert_refused("snapshot", "-p", target.pid, says=["no pymalloc arenas", "free-threaded"])


def make_32_bit_program(path):
    """Writes an i386 program that pauses forever: it calls int 0x80 with eax 29 in a loop."""
    code = b"\xb8\x1d\x00\x00\x00\xcd\x80\xeb\xf7"
    base, headers = 0x10000, 52 + 32
    elf = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    elf += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + headers, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    elf += struct.pack("<IIIIIIII", 1, 0, base, base, headers + len(code), headers + len(code), 5,
                       0x1000)
    with open(path, "wb") as file:
        file.write(elf + code)
    os.chmod(path, 0o755)


def test_32_bit_process(tmp_path, command):
    make_32_bit_program(tmp_path / "program")
    try:
        process = start(str(tmp_path / "program"))
    except OSError as error:
        pytest.skip("this kernel does not run 32-bit programs: %s" % error)
    try:
        time.sleep(0.1)
        if process.poll() is not None:
            pytest.skip("this kernel does not run 32-bit programs")
        assert_refused(command, "-p", process.pid, says="32-bit")
    finally:
        stop(process)


def test_no_privilege(any_target, command):
    unprivileged = ["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all"]
    result = subprocess.run(
        unprivileged + [PYFRAG, command, "-p", str(any_target.pid)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1
    assert "not allowed" in lines[0] and "CAP_SYS_PTRACE" in lines[0]


def test_no_privilege_to_trace_what_can_be_read(any_target):
    """With CAP_SYS_PTRACE alone a snapshot works, and trace names the missing capability."""
    capabilities = ["setpriv", "--reuid", "65534", "--clear-groups",
                    "--inh-caps", "-all,+sys_ptrace", "--ambient-caps", "-all,+sys_ptrace"]
    arguments = ["-p", str(any_target.pid)]
    subprocess.run(capabilities + [PYFRAG, "snapshot"] + arguments, check=True,
                   stdout=subprocess.PIPE)
    result = subprocess.run(capabilities + [PYFRAG, "trace"] + arguments,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1
    assert "CAP_BPF" in lines[0] and "CAP_PERFMON" in lines[0], lines


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["-p"], ["-p", "x"], ["-p", "0"], ["-p", "-3"], ["-p", "99999999999999"],
    ["-p", "1", "-i", "0"], ["-p", "1", "-i", "nan"], ["-p", "1", "-d", "-1"],
    ["-p", "1", "--mode", "half"], ["-p", "1", "--below", "101%"], ["-p", "1", "--blocks", "-1"],
    ["-p", "1", "--max-memory", "much"], [], ["-p", "1", "--", "true"],
])
def test_wrong_arguments(arguments):
    assert_refused("trace", *arguments, says="")


def test_wrong_commands():
    assert_refused(says="--help")
    assert_refused("nonsense", says=["nonsense", "--help"])
    assert_refused("sites", says="-p PID")
    assert_refused("sites", "/no/such/file", says="/no/such/file")
    assert_refused("sites", "/etc/passwd", says="not an ELF")
    assert_refused("sites", "/dev/zero", says="not a regular file")
    assert_refused("sites", "/bin/true", says="contains no pymalloc code")
    assert_refused("doctor", "extra", says="extra")


@pytest.mark.parametrize("options", [["--json"], [], ["--map"]])
def test_full_disk(any_target, command, options):
    with open("/dev/full", "w") as full:
        result = subprocess.run([PYFRAG, command, "-p", str(any_target.pid)] + options, stdout=full,
                                stderr=subprocess.PIPE, timeout=30)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1, lines
    assert "No space left" in lines[0]


@pytest.mark.parametrize("args", [
    ["snapshot", "-p", "PID"], ["snapshot", "-p", "PID", "--json"],
    ["trace", "-p", "PID", "--json"],
    ["trace", "-p", "PID", "-d", "0.1", "--format", "collapsed"], ["trace", "-a", "--match", MARK],
    ["trace", "-a", "--match", MARK, "--json"],
    ["sites", "-p", "PID"], ["doctor"], ["query", "DB", "by_type"],
    ["query", "DB", "by_type", "--json"],
    ["report", "DB"], ["diff", "DB", "DB"], ["snapshot", "--help"], ["--help"], ["--version"],
], ids=lambda args: " ".join(args).replace(MARK, "MARK"))
def test_closed_pipe(any_target, tmp_path, args):
    """When the reader closes the pipe, pyfrag prints nothing and ends as if killed by SIGPIPE, as
    with `| head`."""
    if "DB" in args:
        run_pyfrag("snapshot", "-p", any_target.pid, "-o", tmp_path / "heap.db")
    words = [word.replace("PID", str(any_target.pid)).replace("DB", str(tmp_path / "heap.db"))
             for word in args]
    ours, theirs = os.pipe()
    os.close(ours)
    result = subprocess.run([PYFRAG] + words, stdout=theirs, stderr=subprocess.PIPE, timeout=30)
    os.close(theirs)
    assert (result.returncode, result.stderr) == (-signal.SIGPIPE, b"")


def test_command_that_cannot_be_run():
    assert_refused("trace", "--", "/no/such/program", says="no such program")
    assert_refused("trace", "--", "/etc/passwd", says="Permission denied")
    assert_refused("trace", "--", "true", says="without running Python")


def test_python_that_ends_before_it_is_up(tmp_path):
    """A Python that fails to start prints its own error; pyfrag adds one line."""
    result = run_pyfrag("trace", "--", *PYTHONS[0].command, "--no-such-option", check=False)
    assert result.returncode == 1
    lines = [line for line in result.stderr.decode().splitlines() if line.startswith("pyfrag: ")]
    assert len(lines) == 1 and "exited before Python was initialized" in lines[0]


def test_memory_cap(any_target):
    assert_refused("snapshot", "-p", any_target.pid, "--max-memory", "4K",
                   says=["4.0 KiB", "--max-memory"])


CORRUPTIONS = {
    # What is corrupted, and whether a report of the rest is still possible.
    "chain out of bounds": "word(pool + 8, 0xdeadbeefdeadbeef)",
    "chain of one block for ever": "word(word(pool + 8), word(pool + 8))",
    "chain into the header": "word(pool + 8, pool)",
    "count": "word(pool, 0xffffffff)",
    "class": "word(pool + 32, 0xffffffffffffffff)",
    "offsets": "word(pool + 40, 0xffffffffffffffff)",
    "all of a header": "[word(pool + at, 0xffffffffffffffff) for at in range(0, 48, 8)]",
}


@pytest.mark.parametrize("corruption", sorted(CORRUPTIONS))
def test_damaged_pool(corruption):
    """A target with a corrupted pool: the rest is reported promptly, and the corruption is
    counted."""
    python = next(python for python in PYTHONS if python.version >= (3, 6))
    code = (
        "import ctypes, os, sys\n"
        "def word(address, value=None):\n"
        "    place = ctypes.c_uint64.from_address(address)\n"
        "    if value is None: return place.value\n"
        "    place.value = value\n"
        # Uses blocks of a size class that nothing else uses, and corrupts a pool in the middle,
        # which is in use but not full.
        "size = 16384 if sys.version_info >= (3, 10) else 4096\n"
        "blocks = [b'x' * 450 for _ in range(1000)]\n"
        "pool = id(blocks[500]) // size * size\n"
        "assert word(pool + 32) >> 32 == 30, word(pool + 32)\n"
        "kept = [block for block in blocks if id(block) %% 4096 < 2048]\n"
        "del blocks\n"
        "%s\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "os._exit(0)\n" % CORRUPTIONS[corruption])
    process = start(*python.command, "-c", code)
    try:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        result = run_pyfrag("snapshot", "-p", process.pid, "--json", timeout=20)
        counters = json.loads(result.stdout)["counters"]
        assert counters["pools_unresolved"] >= 1
        assert run_pyfrag("snapshot", "-p", process.pid, timeout=20).returncode == 0
    finally:
        stop(process)


TEARS = (
    "import os, struct, sys\n"
    "size = 16384 if sys.version_info >= (3, 10) else 4096\n"
    "memory = os.open('/proc/self/mem', os.O_RDWR)\n"
    "def index_of(pool):\n"
    "    try: return struct.unpack('I', os.pread(memory, 4, pool + 32))[0]\n"
    "    except OSError: return None\n"
    "blocks = [b'x' * 450 + bytes(i % 7) for i in range(20000)]\n"
    "first = id(blocks[10000]) // size * size\n"
    "index = index_of(first)\n"
    "while index_of(first - size) == index: first -= size\n"
    "words = [struct.pack('I', index), struct.pack('I', index + 1)]\n"
    "print('ready', flush=True)\n"
    "for line in sys.stdin:\n"
    "    os.pwrite(memory, words[line == 'tear\\n'], first + 32)\n"
)


def test_arenas_in_mid_change():
    """A heap that looks torn for a short while costs reports; the trace ends if it stays torn."""
    python = next(python for python in PYTHONS if python.version >= (3, 6))
    process = start(*python.command, "-c", TEARS)
    trace = None
    try:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        trace = start(PYFRAG, "trace", "-p", str(process.pid), "--json", "-i", "0.1")
        assert json.loads(trace.stdout.readline())["counters"]["checkpoints_skipped"] == 0
        tell(process, "tear")
        line = trace.stderr.readline()
        assert b"process %d " % process.pid in line and line.endswith(b"; skipping this report\n")
        tell(process, "mend")
        while not json.loads(trace.stdout.readline())["counters"]["checkpoints_skipped"]:
            pass
        tell(process, "tear")
        trace.stdout.read()
        last = trace.stderr.read().splitlines()[-1]
        assert b"inconsistent" in last and b"skipping this report" not in last
        assert trace.wait() == 1
    finally:
        stop(process)
        if trace:
            stop(trace)
