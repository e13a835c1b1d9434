"""What each process of the agent may and may not do."""
import contextlib
import ctypes
import errno
import os
import re
import signal
import subprocess
import sys

import pytest
from bystanders import as_user, children_of, keeper_capabilities, name_of, wait_for
from conftest import TOP
from target import MARK
from test_agent import start_agent  # noqa: F401 (a fixture)

WITHOUT_LANDLOCK = [TOP + "/build/tests/e2e/without_call", "landlock_create_ruleset"]
ATTEMPTS = TOP + "/build/tests/e2e/attempts"
# Numbers from linux/capability.h.
DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF, CHECKPOINT_RESTORE = 2, 19, 38, 39, 40
READS = {DAC_READ_SEARCH, SYS_PTRACE, CHECKPOINT_RESTORE}


def status_of(pid, thread):
    with open("/proc/%d/task/%s/status" % (pid, thread)) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def is_running(pid):
    try:
        return status_of(pid, pid)["State"][0] != "Z"
    except FileNotFoundError:
        return False


def parts_of(agent):
    """The pids of its processes by name."""
    found, waiting = {"server": agent.process.pid}, [agent.process.pid]
    while waiting:
        for pid in children_of(waiting.pop()):
            found[name_of(pid).replace("pyfrag-", "")] = pid
            waiting.append(pid)
    return found


def capabilities(mask):
    return {number for number in range(64) if int(mask, 16) >> number & 1}


@pytest.mark.parametrize("args, more", [
    ([], set()),
    (["--sites", "1"], {BPF, PERFMON}),
    (["--alert-to", "exec:true", "--alert-to", "http://127.0.0.1:9"], set()),
], ids=["plain", "sites", "alerts"])
def test_each_process_has_what_it_takes(start_agent, any_target, args, more):  # noqa: F811
    agent = start_agent("--match", MARK, *args)
    wait_for(lambda: any_target.pid in agent.processes())
    expected = {"server": set(), "broker": {DAC_READ_SEARCH}, "namer": set(),
                "reader": READS | more}
    if "exec:true" in args:
        expected["runner"] = set()
    if "--sites" in args:
        expected["keeper"] = keeper_capabilities()
    parts = parts_of(agent)
    assert set(parts) == set(expected)
    for name, pid in parts.items():
        for thread in os.listdir("/proc/%d/task" % pid):
            status = status_of(pid, thread)
            # Every set of capabilities is reduced, the bounding set too.
            assert capabilities(status["CapEff"]) == expected[name], name
            assert capabilities(status["CapPrm"]) == expected[name], name
            assert capabilities(status["CapBnd"]) == expected[name], name
            assert capabilities(status["CapInh"]) == capabilities(status["CapAmb"]) == set(), name
            assert status["Uid"].split() == ["65534" if name == "namer" else "0"] * 4
            assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", name
    assert agent.metrics()["pyfrag_read_errors_total", ""] == 0
    assert agent.stop() == 0
    wait_for(lambda: not any(is_running(pid) for pid in parts.values()))


@pytest.mark.parametrize("name", ["server", "broker", "namer", "reader", "runner"])
def test_all_end_when_one_does(start_agent, name):  # noqa: F811
    agent = start_agent("--match", "nobody", "--alert-to", "exec:true")
    parts = parts_of(agent)
    os.kill(parts[name], signal.SIGKILL)
    status = agent.process.wait(timeout=10)
    wait_for(lambda: not any(is_running(pid) for pid in parts.values()))
    said = agent.process.stderr.read().decode()
    if name == "server":
        assert status == -signal.SIGKILL
    else:
        assert status == 1
        assert re.fullmatch(r"pyfrag: pyfrag-%s was killed by signal 9 \(Killed\); "
                            r"the agent exits\n" % name, said)


def test_kill_9_ends_a_command(start_agent, any_target, tmp_path):  # noqa: F811
    script, place = tmp_path / "take-alert", tmp_path / "pid"
    script.write_text("#!/bin/sh\necho $$ > %s.new; mv %s.new %s; exec sleep 60\n" %
                      (place, place, place))
    script.chmod(0o755)
    agent = start_agent("--match", MARK, "--alert", "pinned_arenas > 5",
                        "--alert-to", "exec:%s" % script)
    any_target.run("tuples_with_survivors", 5)
    wait_for(place.exists)
    pid = int(place.read_text())
    assert is_running(pid)
    agent.process.kill()
    agent.process.wait()
    wait_for(lambda: not is_running(pid), 5)


def test_a_kernel_without_landlock(start_agent, any_target):  # noqa: F811
    agent = start_agent("--match", MARK, wrapper=WITHOUT_LANDLOCK)
    wait_for(lambda: any_target.pid in agent.processes())
    assert agent.stop() == 0
    assert re.fullmatch(r"pyfrag: warning: this kernel has no Landlock: .*\n", agent.stderr)


# Attempts that belong to no part are refused everywhere.
READING = {"read_memory", "read_maps", "read_pagemap", "read_root", "read_others_file",
           "read_shadow",
           "ask_for_process", "open_pidfd"}
CONNECTING = {"socket_inet", "socket_inet6"}
ALLOWED = {
    "reader": READING,
    "probing-reader": READING | {"load_bpf"},
    "keeper": set(),
    "event-keeper": {"open_perf_event"},
    "broker": {"refer_by_openat2"},
    "namer": CONNECTING | {"socket_unix"},
    "server": set(),
    "connecting-server": CONNECTING,
}
# Also allowed where there is no Landlock (docs/limits.md): reading files that the part's user may
# read, and what openat2() opens.
ROOTS_FILES = {"read_others_file", "read_shadow"}
WITHOUT_LANDLOCK_TOO = {"broker": {"read_by_openat2", "write_by_openat2"}, "server": ROOTS_FILES,
                        "connecting-server": ROOTS_FILES}
# The runner's commands may do what programs of its user may do, here root. These attempts need
# privileges in addition.
PRIVILEGED = {"read_memory", "write_proc_mem", "write_memory", "attach_ptrace", "take_descriptor",
              "advise_process",
              "open_by_handle", "new_user_namespace", "enter_namespace", "load_bpf",
              "open_perf_event", "set_up_io_uring",
              "make_userfaultfd", "mount_tmpfs", "open_file_system", "clone_mount", "change_root",
              "change_user",
              "change_group", "change_personality", "name_host", "load_module", "load_kernel",
              "reboot_host", "add_key",
              "socket_packet"}
VICTIM = """
import ctypes, sys
word = ctypes.c_uint64()
word.value = ctypes.addressof(word)
print("%x" % word.value, flush=True)
sys.stdin.read()
sys.exit(word.value != ctypes.addressof(word))
"""


@contextlib.contextmanager
def victim(*wrapper):
    with subprocess.Popen([*wrapper, sys.executable, "-c", VICTIM], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as running:
        try:
            yield running.pid, running.stdout.readline().decode().strip()
        finally:
            running.stdin.close()
            assert running.wait(timeout=10) == 0


def has_landlock():
    """Calls landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) by its number, which
    is the same on all architectures."""
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


def attempt(part, pid, address, directory, wrapper=()):
    """Runs all attempts as one part. Returns the names of those that were allowed, and of those
    that were refused."""
    (directory / "file").write_text("x")
    (directory / "file").chmod(0o755)
    # It has a mount namespace of its own, so that no mount outlives it.
    result = subprocess.run(["unshare", "--mount", *wrapper, ATTEMPTS, part, str(pid), address,
                             str(directory)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    lines = [line.split() for line in result.stdout.decode().splitlines()]
    # At the end it aborts to report an error in itself, which every part may do.
    assert result.returncode == -signal.SIGABRT, result.stderr.decode()
    assert len(lines) > 80
    return ({name for name, outcome in lines if outcome == "allowed"},
            {name for name, outcome in lines if outcome == "refused"})


def test_root_may_do_it_all(tmp_path):
    """Unconfined, root may do all of it, so every refusal in the tests below is due to the
    confinement."""
    with victim() as (pid, address):
        allowed, refused = attempt("none", pid, address, tmp_path)
    # Except what this kernel does not support, or what this machine does not permit root.
    assert refused <= {"load_kernel", "load_module", "change_arguments", "set_up_io_uring",
                       "make_userfaultfd"}
    assert {"read_memory", "write_memory", "write_proc_mem", "open_shadow",
            "create_in_cron"} <= allowed


@pytest.mark.parametrize("wrapper", [[], WITHOUT_LANDLOCK], ids=["as-it-is", "without-landlock"])
@pytest.mark.parametrize("part", ALLOWED)
def test_all_else_is_refused(part, wrapper, tmp_path):
    with victim() as (pid, address):
        allowed, _ = attempt(part, pid, address, tmp_path, wrapper)
    too = set() if has_landlock() and not wrapper else WITHOUT_LANDLOCK_TOO.get(part, set())
    assert allowed == ALLOWED[part] | too
    assert (tmp_path / "file").read_text() == "x"
    assert not os.path.exists("/etc/cron.d/.pyfrag-attempt")


def test_a_command_has_no_privileges(tmp_path):
    with victim() as (pid, address):
        _, refused = attempt("runner", pid, address, tmp_path)
    assert PRIVILEGED <= refused
    assert not {"execute", "execute_directly", "open_to_write", "socket_inet"} & refused


# A program that creates the file named by its argument, and writes into it the error number, one
# digit, of ptrace(PTRACE_TRACEME).
SMALL = """
.globl _start
_start:
	pop %eax; pop %eax; pop %ebx
	mov $8, %eax; mov $0600, %ecx; int $0x80
	mov %eax, %ebp
	mov $26, %eax; xor %ebx, %ebx; xor %ecx, %ecx; xor %edx, %edx; xor %esi, %esi; int $0x80
	neg %eax; add $'0', %eax; push %eax
	mov $4, %eax; mov %ebp, %ebx; mov %esp, %ecx; mov $1, %edx; int $0x80
	mov $1, %eax; xor %ebx, %ebx; int $0x80
"""


def test_a_command_may_be_a_program_of_32_bits(start_agent, any_target, tmp_path):  # noqa: F811
    """It runs, with the same restrictions as other commands."""
    program, told = tmp_path / "small", tmp_path / "told"
    (tmp_path / "small.s").write_text(SMALL)
    try:
        subprocess.run(["as", "--32", "-o", tmp_path / "small.o", tmp_path / "small.s"], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-o", program, tmp_path / "small.o"], check=True)
        subprocess.run([program, told], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("32-bit programs cannot be built or run here")
    assert told.read_text() == "0"
    told.unlink()
    agent = start_agent("--match", MARK, "--alert", "arena_bytes > 1",
                        "--alert-to", "exec:%s %s" % (program, told))
    wait_for(lambda: told.exists() and told.read_text())
    assert told.read_text() == str(errno.EPERM)
    assert agent.stop() == 0 and "cannot deliver" not in agent.stderr


def test_the_reader_reads_other_users(tmp_path):
    with victim(*as_user()) as (pid, address):
        allowed, _ = attempt("reader", pid, address, tmp_path)
    # kill(pid, 0) then fails with EPERM, which reveals that the process exists.
    assert allowed == ALLOWED["reader"] - {"ask_for_process"}
