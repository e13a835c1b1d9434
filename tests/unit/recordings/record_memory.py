#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Records the parts of a Python's memory that determine where pymalloc is and which of its blocks
are live.

    record_memory.py FILE NAME COMMAND [ARGUMENT...]      (as root, by hand)

COMMAND starts a CPython of any version: "python3.11", or "chroot TREE /usr/bin/python3.9". Without
any environment or site packages it builds a heap of a few arenas full of holes, and prints its own
statistics into a full pipe: it blocks there while its memory is copied. NAME is the name of the
build in the recording.

What is kept of the memory:
  - the writable data of the executable or library that contains CPython, at full length, with the
    words in it that could be a user-space address, and the version. Other words (text, numbers,
    code) are zero: a search for pointers skips them anyway;
  - the array of arenas, and as many bytes of the memory after it;
  - the arenas: pool headers, and the first word of each free block (the link). The rest is zero;
  - elsewhere, words that could mislead a search for the array of arenas: the targets of pointers in
    the data that could be pointers to the array, if they could be an arena's address.

A recording is a gzip file: lines of text, each a word and its value; some announce bytes.

    recording 1              the version of this format, first
    build TEXT               the NAME, and whether it has symbols
    version X.Y.Z
    arena_size N             the geometry, in bytes like all sizes, from the process' statistics
    pool_size N
    alignment N
    used_pools 0xADDRESS     the address of usedpools ...
    used_pools_by WORD       ... from "symbols" or, where there are none, from the used "pools"
    arenas 0xADDRESS         the address of the array of arenas
    stats_by WORD            "process", or "headers": counted by this program (2.7 has none)
    stats N                  N bytes follow: the output of sys._debugmallocstats()
    data 0xADDRESS N         N bytes follow: a segment of the data
    memory 0xADDRESS N       N bytes follow: other memory
    end

usedpools is found without a search: the first pool of each of its lists points back to it. gdb
reads the symbols, which have to agree. The array of arenas is the only array of 16 slots with as
many used slots as the statistics say.
"""
import bisect
import gzip
import os
import re
import shutil
import struct
import subprocess
import sys
import time

POOL_HEADER = struct.Struct("<IIQQQIIII")
ARENA_OBJECT = struct.Struct("<QQIIQQQ")
ARENA_OBJECTS_INIT = 16
MAPPING_BYTES_MAX = 64 << 20
CANDIDATE_SPAN = 64 << 20  # no arena is larger
USER_ADDRESSES = range(4096, 1 << 47, 8)

# Blocks of all sizes, of which clusters and single ones are freed; then full pools, and pools just
# begun.
SCRIPT = r"""
import sys
state = [2024]
def below(limit):
    state[0] = (state[0] * 1103515245 + 12345) % 2147483648
    return state[0] // 65536 % limit
blocks, total = [], 0
while total < (1700000 if sys.version_info >= (3, 10) else 450000):
    size = 2 + below(470)
    total += size + 40
    blocks.append(b'x' * size)
del blocks[len(blocks) // 3:len(blocks) // 2]
blocks = [block for block in blocks if below(100) < 55]
full = [b'y' * 200 for number in range(500)]
brief = [b'z' * 300 for number in range(600)]
del brief[:570]
sys.stdout.write('ready ' + ' '.join(sys.version.split()) + '\n')
sys.stdout.flush()
sys.stdin.readline()
if hasattr(sys, '_debugmallocstats'):
    sys._debugmallocstats()
    sys.stdin.readline()
"""

LAYOUT_OF_2_7 = {"arena_size": 256 << 10, "pool_size": 4096, "alignment": 16}


class Snapshot:
    """All memory of a process that is blocked, and the files it is mapped from."""

    def __init__(self, pid):
        self.mappings = []  # (start, end, path, writable, bytes), by start
        self.root = "/proc/%d/root" % pid
        with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
            for line in maps:
                fields = line.split(None, 5)
                start, end = (int(part, 16) for part in fields[0].split("-"))
                path = fields[5].rstrip("\n") if len(fields) > 5 else ""
                if fields[1][0] != "r" or path.startswith("[v") or end - start > MAPPING_BYTES_MAX:
                    continue
                memory.seek(start)
                content = memory.read(end - start)
                self.mappings.append((start, end, path, fields[1][1] == "w", content))
        self.starts = [mapping[0] for mapping in self.mappings]

    def mapping(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        if index >= 0 and address < self.mappings[index][1]:
            return self.mappings[index]
        return None

    def read(self, address, size):
        """The bytes, or None if some are missing."""
        parts = []
        while size:
            mapping = self.mapping(address)
            if not mapping:
                return None
            part = mapping[4][address - mapping[0]:][:size]
            parts.append(part)
            address += len(part)
            size -= len(part)
        return b"".join(parts)

    def words(self, address, cnt):
        bytes_read = self.read(address, 8 * cnt)
        return struct.unpack("<%dQ" % cnt, bytes_read) if bytes_read else None


class Module:
    """The file that contains CPython: its shared library, or the executable."""

    def __init__(self, snapshot, exe):
        files = [mapping for mapping in snapshot.mappings if mapping[2].startswith("/")]
        libraries = [mapping for mapping in files if "/libpython" in mapping[2]]
        first = (libraries or [mapping for mapping in files if mapping[2] == exe])[0]
        # In another root directory the path may be as seen from inside or from outside.
        inside = snapshot.root + first[2]
        self.path = inside if os.path.exists(inside) else first[2]
        segments = self._segments()
        self.bias = first[0] - segments[0][0] // 4096 * 4096
        self.data = [(self.bias + address, size) for address, size, flags in segments if flags & 2]

    def _segments(self):
        """Address, size and flags of the loaded segments, lowest first."""
        with open(self.path, "rb") as file:
            header = struct.unpack("<16sHHIQQQIHHHHHH", file.read(64))
            file.seek(header[5])
            headers = [struct.unpack("<IIQQQQQQ", file.read(56)) for _ in range(header[10])]
        return sorted((fields[3], fields[6], fields[1]) for fields in headers if fields[0] == 1)

    def symbol(self):
        """The address of usedpools by symbols, or None."""
        if not shutil.which("gdb"):
            return None
        for variable in ("usedpools", "_PyRuntime._main_interpreter.obmalloc.pools.used",
                         "obmalloc_state_main.pools.used"):
            out = subprocess.run(
                ["gdb", "-nx", "-batch", "-ex", "print/x (unsigned long) &" + variable, self.path],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
            match = re.search(r"= 0x([1-9a-f][0-9a-f]*)", out)
            if match:
                return self.bias + int(match.group(1), 16)
        return None


class Statistics:
    """The process' statistics of its heap; for 2.7, which has none, the known values."""

    def __init__(self, text):
        self.text = text
        if not text:
            self.__dict__.update(LAYOUT_OF_2_7)
            self.arenas = None
            return
        self.arenas, self.arena_size = self._numbers(r"(\d+) arenas \* (\d+) bytes/arena")
        (self.pool_size,) = self._numbers(r"unused pools \* (\d+) bytes")
        (self.alignment,) = self._numbers(r"\n +0 +(\d+) +\d+ +\d+ +\d+ *\n")

    def _numbers(self, pattern):
        return [int(group) for group in re.search(pattern, self.text).groups()]


class Heap:
    """pymalloc's heap in a snapshot."""

    def __init__(self, snapshot, module, stats):
        self.snapshot, self.stats = snapshot, stats
        self.array = self._find_array(module)
        self.arenas = [slot for slot in self._slots(self.array) if slot[0]]
        self.pools = {
            pool: POOL_HEADER.unpack(snapshot.read(pool, POOL_HEADER.size))
            for slot in self.arenas
            for pool in range(self._first_pool(slot), slot[1], stats.pool_size)
        }

    def _slots(self, base):
        size = ARENA_OBJECTS_INIT * ARENA_OBJECT.size
        table = self.snapshot.read(base, size)
        return list(ARENA_OBJECT.iter_unpack(table)) if table else []

    def _first_pool(self, slot):
        return -(-slot[0] // self.stats.pool_size) * self.stats.pool_size

    def _is_array(self, base):
        mapping = self.snapshot.mapping(base)
        if base not in USER_ADDRESSES or not mapping or not mapping[3]:
            return False
        used = [slot for slot in self._slots(base) if slot[0]]
        whole = self.stats.arena_size // self.stats.pool_size
        return (
            bool(used)
            and self.stats.arenas in (None, len(used))
            and all(
                slot[3] in (whole, whole - 1)
                and slot[0] % 4096 == 0
                and slot[0] <= slot[1] <= slot[0] + self.stats.arena_size
                and self.snapshot.mapping(slot[0])
                for slot in used
            )
        )

    def _find_array(self, module):
        found = set()
        for address, size in module.data:
            words = self.snapshot.words(address + -address % 8, size // 8 - 1)
            found.update(word for word in set(words) if self._is_array(word))
        assert len(found) == 1, "arrays of arenas: %r" % found
        return found.pop()

    def _is_full(self, header):
        return not header[2] and header[7] > header[8]

    def used_pools(self):
        """The address of usedpools, found by the pools that are the first of their lists: their
        prevpool is not a pool."""
        tables = {
            header[4] + 16 - 16 * header[6]
            for header in self.pools.values()
            if header[0] and not self._is_full(header) and not self._in_arena(header[4])
        }
        assert len(tables) == 1, "tables of used pools: %r" % tables
        return tables.pop()

    def _in_arena(self, address):
        return any(0 <= address - slot[0] < self.stats.arena_size for slot in self.arenas)

    def free_blocks(self, pool):
        block = self.pools[pool][2]
        while block and self.pools[pool][0]:
            assert pool < block < pool + self.stats.pool_size
            yield block
            (block,) = self.snapshot.words(block, 1)

    def pieces(self):
        """The array, and each arena reduced to headers and links."""
        size = ARENA_OBJECTS_INIT * ARENA_OBJECT.size
        behind = without_text(self.snapshot.read(self.array + size, size))
        yield Piece(self.array, self.snapshot.read(self.array, size) + behind)
        for slot in self.arenas:
            piece = Piece(slot[0], bytes(self.stats.arena_size))
            for pool in range(self._first_pool(slot), slot[1], self.stats.pool_size):
                piece.put(pool, POOL_HEADER.pack(*self.pools[pool]))
                for block in self.free_blocks(pool):
                    piece.put(block, self.snapshot.read(block, 8))
            yield piece

    def count(self):
        """The statistics, counted from the pool headers, in the format of the process."""
        stats, rows, overhead = self.stats, {}, 0
        free_pools = sum(slot[2] for slot in self.arenas)
        for header in self.pools.values():
            if not header[0]:
                continue
            size = (header[6] + 1) * stats.alignment
            capacity = (stats.pool_size - POOL_HEADER.size) // size
            row = rows.setdefault(header[6], [0, 0, 0])
            row[0] += 1
            row[1] += header[0]
            row[2] += capacity - header[0]
            overhead += stats.pool_size - POOL_HEADER.size - capacity * size
        lost = sum(stats.arena_size - slot[3] * stats.pool_size for slot in self.arenas)
        step, used_pools = stats.alignment, sum(row[0] for row in rows.values())
        lines = ["class   size   num pools   blocks in use  avail blocks"]
        lines += ["%d %d %d %d %d" % (index, (index + 1) * step, *rows[index])
                  for index in sorted(rows)]
        lines += [
            "# arenas allocated current = %d" % len(self.arenas),
            "%d arenas * %d bytes/arena = %d"
            % (len(self.arenas), stats.arena_size, len(self.arenas) * stats.arena_size),
            "# bytes in allocated blocks = %d"
            % sum(row[1] * (index + 1) * step for index, row in rows.items()),
            "# bytes in available blocks = %d"
            % sum(row[2] * (index + 1) * step for index, row in rows.items()),
            "%d unused pools * %d bytes = %d"
            % (free_pools, stats.pool_size, free_pools * stats.pool_size),
            "# bytes lost to pool headers = %d" % (used_pools * POOL_HEADER.size),
            "# bytes lost to quantization = %d" % overhead,
            "# bytes lost to arena alignment = %d" % lost,
        ]
        return "\n".join(lines) + "\n"


class Piece:
    """A piece of memory in the format of the recording."""

    def __init__(self, address, content):
        self.address, self.content = address, bytearray(content)

    def holds(self, address):
        return 0 <= address - self.address <= len(self.content) - 8

    def put(self, address, content):
        at = address - self.address
        self.content[at:at + len(content)] = content


def without_text(content):
    return re.sub(rb"[\x20-\x7e]{4,}", lambda match: bytes(len(match.group())), content)


def could_be_address(snapshot, word):
    if word not in USER_ADDRESSES:
        return False
    text = word.to_bytes(8, "little").rstrip(b"\0")
    return snapshot.mapping(word) is not None or not re.fullmatch(rb"[\x20-\x7e\n]{4,}", text)


def data_piece(snapshot, address, size):
    """A segment of the data reduced to addresses and the text of sys.version."""
    content = snapshot.read(address, size)
    offset = -address % 8
    words = struct.unpack_from("<%dQ" % ((size - offset) // 8), content, offset)
    piece = Piece(address, bytes(size))
    piece.put(address + offset, struct.pack(
        "<%dQ" % len(words), *(word if could_be_address(snapshot, word) else 0 for word in words)))
    for match in re.finditer(rb"(?<=\0)[23]\.\d+\.\d+\S* \([^\0]+\) ?\n?\[[^\0]*\]\0", content):
        piece.put(address + match.start(), match.group())
    return piece


def false_arenas(snapshot, heap, data):
    """Targets of pointers in the data that could be arenas' addresses, with their words."""
    bottom = min(slot[0] for slot in heap.arenas) - CANDIDATE_SPAN
    top = max(slot[0] for slot in heap.arenas) + heap.stats.arena_size
    last = max(header[5] for header in heap.pools.values())
    candidates = set()
    for piece in data:
        offset = -piece.address % 8
        candidates.update(struct.unpack_from("<%dQ" % ((len(piece.content) - offset) // 8),
                                             piece.content, offset))
    for candidate in sorted(candidates):
        for index in range(last + 1):
            at = candidate + index * ARENA_OBJECT.size
            found = snapshot.words(at, 1)
            if found and bottom <= found[0] < top:
                yield at, found[0]


def add_words(pieces, words):
    """Adds each word to the piece that contains it, or to a new piece."""
    alone = {}
    for address, word in words:
        holder = [piece for piece in pieces if piece.holds(address)]
        for piece in holder:
            piece.put(address, struct.pack("<Q", word))
        if not holder:
            alone[address] = Piece(address, struct.pack("<Q", word))
    return pieces + [alone[address] for address in sorted(alone)]


def wait_until_blocked(pid):
    sleeping = 0
    while sleeping < 20:
        with open("/proc/%d/stat" % pid) as stat:
            state = stat.read().rsplit(")", 1)[1].split()[0]
        sleeping = sleeping + 1 if state == "S" else 0
        time.sleep(0.005)


def fill(pipe):
    """Fills a pipe completely; returns the number of bytes."""
    os.set_blocking(pipe, False)
    filled = 0
    for piece in (b"#" * 4096, b"#"):
        try:
            while True:
                filled += os.write(pipe, piece)
        except BlockingIOError:
            pass
    os.set_blocking(pipe, True)
    return filled


def observe(command):
    """Runs the script; returns a snapshot of it while blocked, and module, symbol, version,
    statistics."""
    command = [shutil.which(command[0]) or command[0]] + command[1:]
    listen, tell = os.pipe()
    process = subprocess.Popen(command + ["-E", "-s", "-S", "-c", SCRIPT],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=tell, env={})
    version = process.stdout.readline().decode().split(None, 1)[1].strip()
    filled = 0
    if not version.startswith("2."):
        filled = fill(tell)
        process.stdin.write(b"\n")
        process.stdin.flush()
    os.close(tell)
    wait_until_blocked(process.pid)
    snapshot = Snapshot(process.pid)
    module = Module(snapshot, os.readlink("/proc/%d/exe" % process.pid))
    symbol = module.symbol()
    text = ""
    if filled:
        with os.fdopen(os.dup(listen), "rb") as pipe:
            said = b""
            while not re.search(rb"\nTotal .*\n", said):
                said += os.read(pipe.fileno(), 65536)
            text = re.match(r"(.*?\nTotal .*?\n)", said[filled:].decode(), re.S).group()
    process.stdin.close()
    process.wait()
    os.close(listen)
    return snapshot, module, symbol, version, text


def write(path, fields, pieces):
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as out:
        for word, value in fields:
            if word == "stats":
                out.write(b"stats %d\n" % len(value) + value.encode())
            else:
                out.write(("%s %s\n" % (word, value)).encode())
        for word, piece in pieces:
            out.write(b"%s %#x %d\n" % (word.encode(), piece.address, len(piece.content)))
            out.write(piece.content)
        out.write(b"end\n")


def main(path, name, command):
    snapshot, module, symbol, version, text = observe(command)
    stats = Statistics(text)
    heap = Heap(snapshot, module, stats)
    used_pools = heap.used_pools()
    assert symbol in (None, used_pools), "%#x by symbols, %#x by pools" % (symbol, used_pools)
    data = [data_piece(snapshot, address, size) for address, size in module.data]
    rest = add_words(data + list(heap.pieces()), false_arenas(snapshot, heap, data))[len(data):]
    write(path, [
        ("recording", 1),
        ("build", name + (", with symbols" if symbol else ", stripped")),
        ("version", version.split()[0]),
        ("arena_size", stats.arena_size),
        ("pool_size", stats.pool_size),
        ("alignment", stats.alignment),
        ("used_pools", "%#x" % used_pools),
        ("used_pools_by", "symbols" if symbol else "pools"),
        ("arenas", "%#x" % heap.array),
        ("stats_by", "process" if text else "headers"),
        ("stats", text or heap.count()),
    ], [("data", piece) for piece in data] + [("memory", piece) for piece in rest])
    print("%s: %s, %d arenas, %d words apart, %d bytes"
          % (path, version, len(heap.arenas), sum(len(piece.content) == 8 for piece in rest),
             os.path.getsize(path)))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__.strip().splitlines()[2].strip())
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
