"""Memory of every kind, and where a thread's stacks are, as found from inside."""
import ctypes
import mmap
import sys
import threading
import time

LIBC = ctypes.CDLL(None)
GETTID = 186  # of x86-64
MADV_HUGEPAGE, MADV_PAGEOUT = 14, 21
STOP = threading.Event()
SAID = []
KEPT = []


def words(address, count):
    return list((ctypes.c_uint64 * count).from_address(address))


def is_chunk(address, top, limit):
    """Whether these are datastack_chunk, datastack_top and datastack_limit of a PyThreadState: a
    chunk has 16 KiB, or that times a power of two."""
    return address % 4096 == 0 and address < top <= limit and limit - address in (
        16384 << doubled for doubled in range(20))


def frame_chunks():
    """The chunks of this thread's frames: the address and size of each."""
    if sys.version_info < (3, 11):
        return []
    get = ctypes.pythonapi.PyThreadState_Get
    get.restype = ctypes.c_void_p
    state = words(get(), 64)
    at, = [i for i in range(62) if is_chunk(*state[i:i + 3])]
    found, chunk = [], state[at]
    while chunk:
        previous, size = words(chunk, 2)
        found.append((chunk, size))
        chunk = previous
    return found


def wait(depth, said):
    if depth:
        return wait(depth - 1, said)
    SAID.append(frame_chunks())
    said.set()
    STOP.wait()


def start_threads(depths):
    """A thread for each of the depths, which waits after as many calls."""
    for depth in depths:
        said = threading.Event()
        thread = threading.Thread(target=wait, args=(depth, said))
        thread.daemon = True
        thread.start()
        said.wait()


def chunks():
    """Of all threads."""
    return sum(SAID, frame_chunks())


def own_stack():
    """The lowest address and the size of the stack of this thread, without its guard."""
    attributes = (ctypes.c_uint64 * 8)()
    address, size = ctypes.c_uint64(), ctypes.c_uint64()
    LIBC.pthread_self.restype = ctypes.c_uint64
    own = ctypes.c_uint64(LIBC.pthread_self())
    assert LIBC.pthread_getattr_np(own, attributes) == 0
    LIBC.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
    LIBC.pthread_attr_destroy(attributes)
    return address.value, size.value


def recurse(depth):
    """Calls in C, each of which needs some of the stack."""
    return sorted([depth], key=lambda left: recurse(left - 1) if left else 0)[0]


def describe_stacks(depths):
    """Starts a thread for each of the depths, which waits as deep in calls; {tid: stack}."""
    stacks = {}

    def begin(depth, said):
        stacks[LIBC.syscall(GETTID)] = own_stack()
        wait_deep(depth, said)

    def wait_deep(depth, said):
        if depth:
            return sorted([0], key=lambda _: wait_deep(depth - 1, said))
        said.set()
        STOP.wait()

    for depth in depths:
        said = threading.Event()
        thread = threading.Thread(target=begin, args=(depth, said))
        thread.daemon = True
        thread.start()
        said.wait()
    return stacks


def spin():
    """A thread that never waits."""
    own = []

    def run():
        own.append(LIBC.syscall(GETTID))
        while True:
            pass

    thread = threading.Thread(target=run)
    thread.daemon = True
    thread.start()
    while not own:
        time.sleep(0.01)
    return own[0]


def end_a_thread():
    """The stack of a thread that has ended."""
    stack = []
    thread = threading.Thread(target=lambda: stack.append(own_stack()))
    thread.start()
    thread.join()
    return stack[0]


def call_deeply():
    recurse(300)


def map_shared(size):
    KEPT.append(mmap.mmap(-1, size))
    KEPT[-1].write(b"x" * size)


def map_private(size):
    """Anonymous memory. Returns its address."""
    LIBC.mmap.restype = ctypes.c_void_p
    return LIBC.mmap(None, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE,
                     mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, ctypes.c_long(0))


def advise(address, size, advice):
    assert LIBC.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), advice) == 0


def map_huge(size):
    address = map_private(size)
    advise(address, size, MADV_HUGEPAGE)
    ctypes.memset(address, 1, size)


def map_swapped(size):
    address = map_private(size)
    ctypes.memset(address, 1, size)
    advise(address, size, MADV_PAGEOUT)


def move_break(size):
    """Takes memory from behind malloc's heap, and writes to it."""
    LIBC.sbrk.restype = ctypes.c_void_p
    ctypes.memset(LIBC.sbrk(ctypes.c_ssize_t(size)), 1, size)


def allocate(size, touched):
    """By malloc(), of which some is written to."""
    LIBC.malloc.restype = ctypes.c_void_p
    block = LIBC.malloc(ctypes.c_size_t(size))
    ctypes.memset(block, 1, touched)
    return block


def release(block):
    LIBC.free(ctypes.c_void_p(block))


def scatter(count, size):
    """Fills memory with blocks, then frees every other."""
    blocks = [allocate(size, size) for _ in range(count)]
    for block in blocks[::2]:
        release(block)


def trim():
    LIBC.malloc_trim(ctypes.c_size_t(0))
