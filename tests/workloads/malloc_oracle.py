"""What glibc's malloc says of itself, and allocations for it to speak of. Functions are called by
tests, see target.py."""
import ctypes
import os
import random
import re
import threading

FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
          "fordblks", "keepcost")


class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]


libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memchr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
if hasattr(libc, "mallinfo2"):
    libc.mallinfo2.restype = Mallinfo2

kept = []
waiting = threading.Event()


def fill(seed, count, sizes):
    """Allocates blocks and writes to them, then frees some, in no order. Returns the rest."""
    random_number = random.Random(seed)
    blocks = []
    for _ in range(count):
        size = random_number.choice(sizes)
        block = libc.malloc(size)
        libc.memset(block, 0x5a, size)
        blocks.append(block)
    random_number.shuffle(blocks)
    while len(blocks) > count // 3:
        libc.free(blocks.pop())
    return blocks


SIZES = (24, 40, 100, 104, 200, 640, 1000, 1500, 4000, 5000, 9000, 40000, 100000)


def fill_here(seed=1, count=20000):
    kept.append(fill(seed, count, SIZES + (200000, 3000000) if seed % 2 else SIZES))
    return len(kept[-1])


def fill_in_threads(threads=3, count=20000):
    """Threads that allocate from arenas of their own, and go on living."""
    ready = threading.Semaphore(0)

    def run(seed):
        blocks = fill(seed, count, SIZES)
        ready.release()
        waiting.wait()
        del blocks

    for seed in range(threads):
        thread = threading.Thread(target=run, args=(seed,))
        thread.daemon = True
        thread.start()
    for _ in range(threads):
        ready.acquire()
    return threads


def divide_mappings(count=20, size=8 << 20):
    """Has the kernel divide the mappings of large blocks, as numpy does: it asks for huge pages for
    the part of a block that is aligned to them. The same within the heap by brk()."""
    large = 2 << 20
    for _ in range(count):
        block = libc.malloc(size)
        libc.memset(block, 0x5a, size)
        start = (block + large - 1) // large * large
        assert libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(large), 14) == 0
        kept.append(block)
    start = kept[0][0] // 4096 * 4096
    assert libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(4096), 14) == 0
    return count


libc.sbrk.restype = ctypes.c_void_p
libc.sbrk.argtypes = [ctypes.c_ssize_t]
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = ([ctypes.c_void_p, ctypes.c_size_t] + 4 * [ctypes.c_int])
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def move_break(sizes=(4096, 100, 70001, 2000000)):
    """Calls sbrk() as others would do, and writes to that memory; then has malloc go on there."""
    for seed, size in enumerate(sizes):
        libc.memset(libc.sbrk(size), 0x21, size)
        fill_here(2 * seed, 3000)
    return len(sizes)


blocks_break = []


def block_break(distance=1 << 20):
    """Has something lie above the break, so that malloc goes on in mappings."""
    page = (libc.sbrk(0) + distance) // 4096 * 4096
    assert libc.mmap(page, 4096, 0, 0x100022, -1, 0) == page  # MAP_FIXED_NOREPLACE
    blocks_break.append(page)
    return page


def unblock_break():
    return libc.munmap(blocks_break.pop(), 4096)


libc.tmpfile.restype = ctypes.c_void_p
libc.rewind.argtypes = [ctypes.c_void_p]
libc.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t]
libc.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
libc.fread.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
go_on = ctypes.create_string_buffer(1)
text, buffered = ctypes.create_string_buffer(1 << 20), ctypes.create_string_buffer(1 << 20)
xml = libc.tmpfile()
libc.setvbuf(xml, buffered, 0, len(buffered))
# Once before it counts: it needs more of the stack than was ever used.
libc.malloc_info(0, xml)
libc.rewind(xml)


def find_totals(info):
    """Pairs of a kind, and the number of chunks and their bytes, in the text of malloc_info(3)."""
    return [(kind, (int(count), int(size))) for kind, count, size in re.findall(
        r'<total type="(\w+)" count="(\d+)" size="(\d+)"/>', info)]


def find_system(info):
    return int(re.search(r'<system type="current" size="(\d+)"/>', info).group(1))


def totals_of(info):
    """The totals of all arenas in the text of malloc_info(3)."""
    last = info[info.rindex("</heap>"):]
    found = dict(find_totals(last))
    found["free"] = [(kind, int(least) & ~7, int(most) & ~7, int(count))
                     for kind, least, most, count in re.findall(
        r'<(\w+) from="(\d+)" to="(\d+)" total="\d+" count="(\d+)"', info)]
    found["system"] = find_system(last)
    return found


def hold_still():
    """Waits for a byte from the test; has malloc say what it has, and malloc_trim(0) release what
    it can; and waits for another byte. Nothing is allocated from the first wait to the second.
    Returns what mallinfo2() and malloc_info() have said."""
    read, trim, info, write = libc.read, libc.malloc_trim, libc.malloc_info, libc.write
    ask = getattr(libc, "mallinfo2", int)
    write(1, b"waiting\n", 8)
    read(0, go_on, 1)
    numbers = ask()
    info(0, xml)
    trim(0)
    write(1, b"trimmed\n", 8)
    read(0, go_on, 1)
    libc.rewind(xml)
    libc.fread(text, 1, len(text) - 1, xml)
    return {"mallinfo2": numbers and {name: int(getattr(numbers, name)) for name in FIELDS},
            "malloc_info": totals_of(text.value.decode())}


def say():
    """Waits for a byte from the test, and has malloc say what it has. Nothing is allocated in
    between. Returns the totals of each arena."""
    libc.write(1, b"waiting\n", 8)
    libc.read(0, go_on, 1)
    libc.rewind(xml)
    libc.malloc_info(0, xml)
    libc.rewind(xml)
    libc.fread(text, 1, len(text) - 1, xml)
    info = text.value.decode()
    info = info[:info.index("</malloc>")]
    return [dict(find_totals(arena), system=find_system(arena))
            for arena in info.split("</heap>")[:-1]]


def fill_tcache():
    """So that what Python itself needs meanwhile is not taken from the top."""
    blocks = [libc.malloc(size) for size in range(24, 1025, 16) for _ in range(7)]
    for block in blocks:
        libc.free(block)


def fill_below_pins(pin_cnt, count, size):
    """Free memory in the arena of this thread, above which lies a block that stays; as often as
    there are to be pins. All are as large, so that none fits into a hole. Returns the pins."""
    fill_tcache()
    pins, blocks = [0] * pin_cnt, [0] * (pin_cnt * count)
    for i in range(len(blocks)):
        blocks[i] = libc.malloc(size)
        libc.memset(blocks[i], 0x5a, 10000)
        if (i + 1) % count == 0:
            pins[i // count] = libc.malloc(size)
    for block in blocks:
        libc.free(block)
    return pins


pins = []


def pin_here(pin_cnt=4, count=40, size=60000):
    pins.extend(fill_below_pins(pin_cnt, count, size))
    return pins


def run_in_thread(work):
    """Calls it in a thread that goes on living."""
    ready = threading.Event()

    def run():
        work()
        ready.set()
        waiting.wait()

    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()
    ready.wait()


def pin_in_thread(pin_cnt=6, count=400, size=100000):
    """The same in the arena of another thread, which goes on living. It has several heaps."""
    run_in_thread(lambda: pins.extend(fill_below_pins(pin_cnt, count, size)))
    return pins


def raise_thresholds(size=20 << 20):
    """Frees a block with a mapping of its own: blocks up to that size now come from the heaps,
    which keep twice as much at their top."""
    libc.free(libc.malloc(size))


ADDRESSES_MAX = 8
line = ctypes.create_string_buffer(16 * ADDRESSES_MAX + 1)


def free_line():
    """Frees the blocks whose addresses are in the line."""
    for i in range(ADDRESSES_MAX):
        libc.free(int(line.raw[16 * i:16 * i + 16], 16))


def free_what_comes(rounds):
    """So often: waits for addresses from the test, and frees the blocks there. Nothing else is
    allocated or freed. Returns the system bytes of all arenas before and after each."""
    read, info, write = libc.read, libc.malloc_info, libc.write
    libc.rewind(xml)
    # Once before it counts: Python takes memory for this the first time.
    line.value = b"0" * (len(line) - 1)
    free_line()
    for _ in range(rounds):
        write(1, b"waiting\n", 8)
        read(0, line, len(line))
        info(0, xml)
        write(1, b"ready\n", 6)
        read(0, go_on, 1)
        free_line()
        write(1, b"freed\n", 6)
        read(0, go_on, 1)
        info(0, xml)
    libc.rewind(xml)
    libc.fread(text, 1, len(text) - 1, xml)
    infos = text.value.decode().split("</malloc>")[:2 * rounds]
    said = [totals_of(info)["system"] for info in infos]
    return list(zip(said[::2], said[1::2]))


def pin_in_threads(threads=12):
    for _ in range(threads):
        pin_in_thread(pin_cnt=1, count=60)
    return threads


def pin_large_blocks():
    """Blocks that have mappings of their own, until one of them is freed."""
    raise_thresholds()
    pin_here(pin_cnt=8, count=600, size=200000)
    return len(pins)


def leave_top(count=60, size=200000):
    raise_thresholds()
    blocks = [libc.malloc(size) for _ in range(count)]
    for block in blocks:
        libc.memset(block, 0x5a, size)
    for block in blocks:
        libc.free(block)
    return count


def fill_large(count=100):
    kept.append([bytes(150000) for _ in range(count)])
    return count


def fill_with_sizes(counts):
    """Blocks of these sizes, so many of each."""
    for size, count in counts.items():
        kept.append([libc.malloc(size) for _ in range(count)])
    return len(counts)


def pin_above_fastbin(size):
    """A block above free memory, and between them one of 40 bytes, which goes to a fastbin if there
    is no tcache."""
    fill_tcache()
    blocks = [libc.malloc(60000) for _ in range(40)]
    for block in blocks:
        libc.memset(block, 0x5a, 60000)
    between, pin = libc.malloc(40), 0
    while pin < blocks[-1]:  # holes below are filled
        pin = libc.malloc(size)
    for block in blocks + [between]:
        libc.free(block)
    pins.append(pin)
    return pins


def pin_by_tcache():
    """The block is free, in the tcache of a thread."""
    pin, ready = pin_above_fastbin(300)[-1], threading.Event()

    def run():
        libc.free(pin)
        ready.set()
        waiting.wait()

    kept.append(threading.Thread(target=run))
    kept[-1].start()
    ready.wait()
    return pins


def end_thread():
    waiting.set()
    kept[-1].join()
    return 0


def free_unwritten(count=100, size=100000):
    """Free memory that was read and never written, and a block above it that stays."""
    raise_thresholds()
    blocks = [libc.malloc(size) for _ in range(count)]
    for block in blocks:
        libc.memchr(block, 1, size)
    pins.append(libc.malloc(size))
    for block in blocks:
        libc.free(block)
    return len(pins)


stamps = []


def pin_by_object():
    """A bytes object above free memory."""
    raise_thresholds()
    fill_tcache()
    blocks = [libc.malloc(60000) for _ in range(40)]
    stamps.append(bytes(150000))
    for block in blocks:
        libc.free(block)
    return len(stamps)


buffers = []


def pin_by_buffers(cnt=3, size=3000, above=0):
    """Free memory, above which lie the buffers of bytearrays, and above these a block of C code, if
    that is to have a size. Returns the addresses of these objects and of their buffers."""
    fill_tcache()
    blocks = [libc.malloc(60000) for _ in range(80)]
    for block in blocks:
        libc.memset(block, 0x5a, 60000)
    while len(buffers) < cnt:
        made = bytearray(size)
        # Holes below are filled.
        (buffers if address_of(made) > blocks[-1] else kept).append(made)
    if above:
        pins.append(libc.malloc(above))
    for block in blocks:
        libc.free(block)
    return [(id(made), address_of(made)) for made in buffers]


def address_of(made):
    return ctypes.addressof(ctypes.c_char.from_buffer(made))


laid_out = []


def lay_out_in_thread(count=400, size=4000):
    """In an arena of its own, blocks that stay; free memory that malloc_trim(0) has released;
    blocks of which every second is free, and of which two in three are; free memory that was not
    released; blocks that stay; and free memory that has become part of the top."""
    parts = (lambda i: True, lambda i: False, lambda i: i % 2 > 0, lambda i: i % 3 == 0,
             lambda i: False, lambda i: True)
    blocks = len(parts) * count + 20
    laid_out.extend([None] * blocks)

    def stays(i):
        return i // count < len(parts) and parts[i // count](i)

    def lay_out():
        fill_tcache()
        for i in range(blocks):
            laid_out[i] = libc.malloc(size), stays(i)
            libc.memset(laid_out[i][0], 0x5a, size)
        for i in range(count, 2 * count):
            libc.free(laid_out[i][0])
        libc.malloc_trim(0)
        for i in range(2 * count, blocks):
            if not stays(i):
                libc.free(laid_out[i][0])

    run_in_thread(lay_out)
    return laid_out


second = {}


def fill_second_libc(count=3000):
    """Loads another libc beside the first one, which has a malloc of its own, and allocates."""
    libc.dlmopen.restype = ctypes.c_void_p
    libc.dlmopen.argtypes = [ctypes.c_long, ctypes.c_char_p, ctypes.c_int]
    libc.dlsym.restype = ctypes.c_void_p
    libc.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    handle = libc.dlmopen(-1, b"libc.so.6", 2)  # LM_ID_NEWLM, RTLD_NOW
    for name, result, arguments in (("malloc", ctypes.c_void_p, [ctypes.c_size_t]),
                                    ("free", None, [ctypes.c_void_p]),
                                    ("malloc_trim", ctypes.c_int, [ctypes.c_size_t]),
                                    ("mallinfo2", Mallinfo2, [])):
        address = libc.dlsym(handle, name.encode())
        if address:
            second[name] = ctypes.CFUNCTYPE(result, *arguments)(address)
    blocks = []
    for i in range(count):
        size = i * 7919 % 20000 + 24
        blocks.append(second["malloc"](size))
        libc.memset(blocks[-1], 0x5a, size)
    for block in blocks[::3]:
        second["free"](block)
    kept.append(blocks)
    return count


def ask_second_libc():
    numbers = second["mallinfo2"]() if "mallinfo2" in second else None
    return numbers and {name: int(getattr(numbers, name)) for name in FIELDS}


def trim_second_libc():
    return second["malloc_trim"](0)
