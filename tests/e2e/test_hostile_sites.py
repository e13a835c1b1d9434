"""Probes are attached only where the target still has the code that the scan saw. Whatever another
user's file, the cache of scans or the target itself says, the target survives, and dropped sites
are counted.

The test uses a cache of its own, mounted over root's."""
import glob
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading

import pytest

from bystanders import as_user
from conftest import PYFRAG, PYTHONS, check_report
from target import Target

SYSTEM_CACHE = "/var/cache/pyfrag"

# A distribution's Python: one executable, optimized at link time, with hundreds of sites.
DISTRIBUTED = next((python for python in PYTHONS if python.name.startswith("debian-")), None)
# A Python with a shared libpython, which the test may replace by a copy.
WITH_LIBRARY = next((python for python in PYTHONS
                     if python.name.startswith("pyenv-") and python.version >= (3, 10)), None)

needs_distributed = pytest.mark.skipif(not DISTRIBUTED, reason="needs a distribution's Python")
needs_library = pytest.mark.skipif(not WITH_LIBRARY, reason="needs a Python with a libpython")


class Cache:
    """Runs pyfrag with a cache that only this test sees."""

    def __init__(self, path):
        self.path = path
        os.makedirs(SYSTEM_CACHE, mode=0o700, exist_ok=True)
        self.wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                        'mount --bind "$0" %s && exec "$@"' % SYSTEM_CACHE, path]

    def run(self, *args):
        result = subprocess.run(self.wrapper + [PYFRAG] + [str(arg) for arg in args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout.decode()

    def sites(self, *args):
        """The sites that a scan finds, a dictionary each."""
        lines = self.run("sites", *args).splitlines()
        rows = [line.split() for line in lines[1:-1]]
        return [{"address": int(row[0], 16), "offset": int(row[1], 16),
                 "type": " ".join(row[2:-2])} for row in rows]

    def entries(self):
        return glob.glob(self.path + "/*.sites")

    def trace(self, target, *args):
        """The last report of a trace of @target, which works meanwhile, for as long as that
        takes."""
        process = subprocess.Popen(
            self.wrapper + [PYFRAG, "trace", "--json", "-i", "0.5", "-p", str(target.pid)] +
            list(args),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lines = [process.stdout.readline()]  # all probes are attached
        reader = threading.Thread(target=lines.extend, args=(process.stdout,))
        reader.start()
        for _ in range(2):
            target.run("json_churn")
            target.run("tuples_with_survivors")
            target.ask("drop")
        process.send_signal(signal.SIGINT)
        reader.join()
        process.wait()
        assert process.returncode == 0, process.stderr.read().decode()
        assert target.ask("eval 6 * 7") == "42"
        return json.loads(lines[-1])


@pytest.fixture
def cache():
    path = tempfile.mkdtemp(prefix="pyfrag-cache-")
    yield Cache(path)
    shutil.rmtree(path)


@pytest.fixture
def public():
    """A directory that all users may read."""
    path = tempfile.mkdtemp(prefix="pyfrag-public-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


def copy_shifted(source, target, delta):
    """Copies an interpreter. The copy runs like the original and has the same build id and code,
    but the tables that say where that code is, and that the loader does not read (section headers,
    the address of .eh_frame_hdr), are off by @delta."""
    with open(source, "rb") as file:
        elf = bytearray(file.read())
    segments, sections = struct.unpack_from("<QQ", elf, 32)
    segment_size, segment_cnt, section_size, section_cnt = struct.unpack_from("<HHHH", elf, 54)

    def shift(at):
        struct.pack_into("<Q", elf, at, struct.unpack_from("<Q", elf, at)[0] + delta)

    for at in range(sections, sections + section_cnt * section_size, section_size):
        kind, flags = struct.unpack_from("<IQ", elf, at + 4)
        if kind == 1 and flags & 4:  # SHT_PROGBITS, SHF_EXECINSTR
            shift(at + 16)
    for at in range(segments, segments + segment_cnt * segment_size, segment_size):
        if struct.unpack_from("<I", elf, at)[0] == 0x6474e550:  # PT_GNU_EH_FRAME
            shift(at + 16)
    with open(target, "wb") as file:
        file.write(elf)
    os.chmod(target, 0o755)


def assert_all_probed(report, cnt):
    assert report["tracing"]["probe_sites"] == cnt
    assert report["counters"]["sites_mismatched"] == report["counters"]["sites_unusable"] == 0
    assert report["tracing"]["allocs"] > 10000 and report["tracing"]["frees"] > 10000
    assert report["tracing"]["coverage"] == 1.0, report["tracing"]
    check_report(json.dumps(report))


def assert_dropped(report, dropped, cnt):
    assert report["counters"]["sites_mismatched"] == dropped
    assert report["tracing"]["probe_sites"] == cnt - dropped
    assert report["counters"]["sites_unusable"] == 0


@needs_distributed
def test_interpreter_of_another_user(cache, public):
    """The scan of one file is not used for another, even if build id and code are equal."""
    evil = public + "/python"
    copy_shifted(os.path.realpath(DISTRIBUTED.command[0]), evil, 1)
    os.chown(evil, 65534, 65534)
    busy = "import json\nprint(flush=True)\nwhile True: json.loads(json.dumps([[1]] * 1000))"
    with subprocess.Popen(as_user() + [evil, "-c", busy], stdout=subprocess.PIPE) as attacker:
        try:
            attacker.stdout.readline()
            assert cache.sites("-p", attacker.pid)
            assert not cache.entries(), "a file that its user can write was cached"
            cache.run("trace", "-p", attacker.pid, "--mode", "full", "-d", "0.5")
            assert attacker.poll() is None
            with Target(DISTRIBUTED) as victim:
                cnt = len(cache.sites("-p", victim.pid))
                assert_all_probed(cache.trace(victim, "--mode", "full"), cnt)
                assert len(cache.entries()) == 1
        finally:
            attacker.kill()


def shift_all(sites):
    return [[address + 1, emulated, probe] for address, emulated, probe in sites]


def exchange(sites):
    """Each site gets an attribute of the next one: its type, or its register."""
    return [[address, emulated, sites[(i + 1) % len(sites)][2]]
            for i, (address, emulated, probe) in enumerate(sites)]


def scatter(sites):
    """Moves the sites to arbitrary places in the code between them."""
    first, last = sites[0][0], sites[-1][0]
    return [[first + 7 + i * ((last - first) // len(sites)), emulated, probe]
            for i, (address, emulated, probe) in enumerate(sites)]


def read_entry(path):
    with open(path) as file:
        header, *lines = file.read().splitlines()
    assert header == "pyfrag sites %x" % len(lines)
    return [[int(word, 16) for word in line.split()] for line in lines]


def write_entry(path, sites):
    with open(path, "w") as file:
        file.write("pyfrag sites %x\n" % len(sites))
        file.writelines("%x %x %x\n" % tuple(site) for site in sites)


@needs_distributed
@pytest.mark.parametrize("poison, mode", [(shift_all, "full"), (exchange, "full"),
                                          (scatter, "full"), (shift_all, "watch")])
def test_poisoned_cache(cache, poison, mode):
    """A cache entry with the right name and a format that pyfrag accepts, but all of its sites
    wrong."""
    cache.run("sites", os.path.realpath(DISTRIBUTED.command[0]))
    entry, = cache.entries()
    good = read_entry(entry)
    bad = poison(good)
    write_entry(entry, bad)
    wrong = sum(site not in good for site in bad)
    assert wrong > len(good) / 2
    with Target(DISTRIBUTED) as victim:
        report = cache.trace(victim, "--mode", mode, *(["--budget", "50%"] * (mode == "watch")))
        if mode == "full":
            assert_dropped(report, wrong, len(good))
        else:
            # Each site is checked once; sites that are probed in bursts are checked again before
            # each burst.
            assert report["counters"]["sites_mismatched"] == wrong
    assert read_entry(entry) == bad, "the entry was not used"


def nops_for(path, site):
    """The instructions that replace the call at @site. The call releases an arena; without it the
    arena stays mapped."""
    with open(path, "rb") as file:
        file.seek(site["offset"])
        code = file.read(8)
    if code[0] == 0xe8:  # relative
        return b"\x90" * 5
    assert code[0] == 0xff and code[1] >> 3 & 7 == 2, code
    mode, base = code[1] >> 6, code[1] & 7  # a register, or memory at a register + 0, 1 or 4 bytes
    return b"\x90" * {3: 2, 1: 3, 2: 6, 0: 6 if base == 5 else 2}[mode]


def arena_unmap_sites(sites):
    return [site for site in sites if site["type"] == "arena unmap"]


@needs_library
def test_file_overwritten_after_the_scan(cache, public):
    """The file changes after the scan and before the probes are attached."""
    library, = glob.glob(os.path.dirname(os.path.dirname(WITH_LIBRARY.command[0]))
                         + "/lib/libpython3.*.so.1.0")
    copy = public + "/" + os.path.basename(library)
    shutil.copyfile(library, copy)
    with Target(WITH_LIBRARY, env={"LD_LIBRARY_PATH": public}) as victim:
        sites = cache.sites("-p", victim.pid)
        unmap = arena_unmap_sites(sites)
        assert unmap
        entry, = cache.entries()
        for site in unmap:
            code = nops_for(copy, site)
            with open(copy, "r+b") as file:
                file.seek(site["offset"])
                file.write(code)
        with open(copy, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        assert digest not in entry
        # The old scan, under the name of the changed file.
        os.rename(entry, "%s/%s-%s" % (cache.path, digest, entry.rsplit("-", 1)[1]))
        report = cache.trace(victim, "--mode", "full")
        assert_dropped(report, len(unmap), len(sites))
        assert report["tracing"]["allocs"] > 10000


PATCH = """
import ctypes
def patch(path, offset, code):
    for line in open("/proc/self/maps"):
        words = line.split()
        start, end = (int(word, 16) for word in words[0].split("-"))
        begins = int(words[2], 16)
        if len(words) > 5 and words[5] == path and begins <= offset < begins + end - start:
            break
    place = start + offset - begins
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert not protect(start, end - start, 7)
    ctypes.memmove(place, code, len(code))
    assert not protect(start, end - start, 5)
"""


@needs_library
def test_target_that_patches_its_code(cache, public):
    with Target(WITH_LIBRARY) as victim:
        sites = cache.sites("-p", victim.pid)
        unmap = arena_unmap_sites(sites)
        with open("/proc/%d/maps" % victim.pid) as maps:
            path = next(line.split()[5] for line in maps if "libpython" in line)
        with open(public + "/patch.py", "w") as file:
            file.write(PATCH)
        victim.ask("eval __import__('sys').path.insert(0, %r)" % public)
        for site in unmap:
            answer = victim.ask("eval __import__('patch').patch(%r, %d, %r)"
                                % (path, site["offset"], nops_for(path, site)))
            assert answer == "None"
        report = cache.trace(victim, "--mode", "full")
        # Other sites in the patched functions are dropped, too.
        dropped = report["counters"]["sites_mismatched"]
        assert len(unmap) <= dropped < len(sites)
        assert_dropped(report, dropped, len(sites))
        assert report["tracing"]["allocs"] > 10000


@needs_distributed
def test_traced_twice(cache):
    """The breakpoints of another pyfrag do not count as changed code."""
    with Target(DISTRIBUTED) as target:
        cnt = len(cache.sites("-p", target.pid))
        other = subprocess.Popen([PYFRAG, "trace", "-p", str(target.pid), "--mode", "full",
                                  "--json", "-i", "0.2"], stdout=subprocess.PIPE)
        try:
            first = json.loads(other.stdout.readline())
            assert first["tracing"]["probe_sites"] == cnt
            assert_all_probed(cache.trace(target, "--mode", "full"), cnt)
        finally:
            other.terminate()
            other.communicate()


@pytest.mark.slow
def test_every_site_is_probed(target, cache):
    """In every build, none of the sites that the scan finds is dropped, however it was found."""
    cnt = len(cache.sites("-p", target.pid))
    assert_all_probed(cache.trace(target, "--mode", "full"), cnt)
