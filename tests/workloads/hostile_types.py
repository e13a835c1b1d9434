"""A process that forges its objects: its types, sizes, lists and frames are not what they claim to
be (CPython 3.11).

Run as: python3.11 hostile_types.py LIE. In addition to the lie there are 5,000 instances of a class
Honest.
"""
import collections
import ctypes
import gc
import mmap
import os
import sys
import time

TYPE_BYTES = 416
# Offsets in PyTypeObject.
OB_TYPE, TP_NAME, TP_BASICSIZE, TP_ITEMSIZE, TP_FLAGS = 8, 24, 32, 40, 168
TP_WEAK, TP_MEMBERS, TP_BASE, TP_DICT, TP_DICTOFFSET = 208, 240, 256, 264, 288
HEAPTYPE, GC = 1 << 9, 1 << 14
MASK = 2**64 - 1
kept = []


class Honest:
    __slots__ = ("number",)


def get(address):
    return ctypes.c_uint64.from_address(address).value


def put(address, value):
    ctypes.c_uint64.from_address(address).value = value & MASK


def pages(size):
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    kept.append(memory)
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def copy_of_type(original, **fields):
    """A copy of a static type with some fields changed."""
    address = pages(4096)
    ctypes.memmove(address, id(original), TYPE_BYTES)
    put(address + TP_FLAGS, get(address + TP_FLAGS) & ~(HEAPTYPE | GC))
    for name, value in fields.items():
        put(address + globals()[name], value)
    return address


def make_instances(address, size=16, cnt=4000):
    """Blocks in an arena whose type pointer is @address."""
    for _ in range(cnt):
        one = object() if size == 16 else bytes(size - 33)
        kept.append(one)
        put(id(one) + 8, address)


def short(original):
    make_instances(copy_of_type(original, TP_BASICSIZE=16, TP_ITEMSIZE=0))


def with_fields(size=48, **fields):
    """A type that is neither variable-sized nor garbage-collected: its size is all that it
    declares."""
    make_instances(copy_of_type(object, **fields), size)


def dict_offset():
    class Slotted:
        __slots__ = ()
    kept.extend(Slotted() for _ in range(20000))
    put(id(Slotted) + TP_DICTOFFSET, 2**63 - 1 - 3)


def frame_circle():
    names = ["v%d" % i for i in range(2000)]
    source = "def f():\n" + "".join("    %s = 'value of a variable'\n" % name
                                    for name in names) + "    wait(f)\n"
    space = {"wait": close_circle}
    exec(source, space)
    space["f"]()


def close_circle(function):
    get_thread = ctypes.pythonapi.PyThreadState_Get
    get_thread.restype = ctypes.c_void_p
    frame = get(get(get_thread() + 0x38) + 8)  # cframe->current_frame
    while get(frame + 0x20) != id(function.__code__):
        frame = get(frame + 0x30)
    put(frame + 0x30, frame)
    wait()


def thread_circle():
    get_thread = ctypes.pythonapi.PyThreadState_Get
    get_thread.restype = ctypes.c_void_p
    put(get_thread() + 8, get_thread())  # next


def interpreter_circle():
    get_thread = ctypes.pythonapi.PyThreadState_Get
    get_thread.restype = ctypes.c_void_p
    interpreter = get(get_thread() + 16)
    put(interpreter, interpreter)  # next


def metaclass_loop():
    a, b = copy_of_type(type), copy_of_type(type)
    put(a + OB_TYPE, b)
    put(b + OB_TYPE, a)
    make_instances(copy_of_type(object, OB_TYPE=a))


def metaclass_chain():
    """Each type is the metaclass of the next: as many as memory allows."""
    last = id(type)
    for _ in range(3000):
        last = copy_of_type(type, OB_TYPE=last)
        make_instances(last, 16, 1)


def base_loop():
    address = copy_of_type(object)
    put(address + TP_BASE, address)
    make_instances(address)


def endless_members():
    members = pages(1 << 20)
    name = ctypes.create_string_buffer(b"name")
    kept.append(name)
    for at in range(0, 1 << 20, 40):
        if at + 40 > 1 << 20:
            break
        put(members + at, ctypes.addressof(name))
        put(members + at + 8, 6)  # T_OBJECT
    with_fields(TP_MEMBERS=members, TP_BASICSIZE=48)


def unterminated_name():
    name = pages(1 << 20)
    ctypes.memset(name, ord("n"), 1 << 20)
    with_fields(TP_NAME=name)


def bytes_as_name():
    name = ctypes.create_string_buffer(b"\xff\x01\x02")
    kept.append(name)
    with_fields(TP_NAME=ctypes.addressof(name))


def lists():
    for cnt in (2**63 - 1, -2**63, -1, 2**40):
        one = [1, 2, 3]
        kept.append(one)
        put(id(one) + 16, cnt)


def tuples():
    for cnt in (2**63 - 1, -2**63, -1, 2**40):
        one = tuple(kept[:3])
        kept.append(one)
        put(id(one) + 16, cnt)


def ints():
    for cnt in (-2**63, 2**63 - 1):
        one = int("123456789" * 3)
        kept.append(one)
        put(id(one) + 16, cnt)


def dicts():
    for _ in range(100):
        one = {str(i): i for i in range(9)}
        kept.append(one)
        put(id(one) + 32, id(one))  # ma_keys
    for log2_size in (255, 63, 40):
        one = {str(i): i for i in range(9)}
        kept.append(one)
        keys = get(id(one) + 32)
        ctypes.c_uint8.from_address(keys + 8).value = log2_size
        ctypes.c_uint8.from_address(keys + 9).value = log2_size
        put(keys + 24, 2**62)  # dk_nentries


def sets():
    for mask in (2**63, 2**63 - 1, 2**64 - 1, 2**40 - 1):
        one = set(range(100))
        kept.append(one)
        put(id(one) + 32, mask)


def deques():
    one = collections.deque(range(1000))
    kept.append(one)
    block = get(id(one) + 24)
    put(block + 8 * 65, block)  # rightlink
    put(id(one) + 16, 2**62)
    for index in (2**63, 2**63 - 1, 65):
        one = collections.deque(range(1000))
        kept.append(one)
        put(id(one) + 40, index)  # leftindex


def strings():
    holder = {}
    for length in (2**62, 2**63, -1 & MASK, 2**30):
        one = "key %d" % length
        holder[one] = object()
        kept.append(one)
        put(id(one) + 16, length)
    kept.append(holder)


def module_names():
    """Puts 100,000 names for one module into sys.modules."""
    for i in range(100000):
        sys.modules["module number %d" % i] = os


def malloc_chunk():
    """A forged malloc header of a large allocation whose size wraps around the address space."""
    step = 64 << 20  # malloc's heaps begin at multiples of this
    memory = mmap.mmap(-1, 2 * step, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    kept.append(memory)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    put((address + step) // step * step + 8, -16 & ~7 | 2)


def dict_of_types():
    """Classes that share a dict of a million entries without __module__."""
    entries = {"key %d" % i: None for i in range(1000000)}
    kept.append(entries)
    for i in range(300):
        address = copy_of_type(object, TP_BASICSIZE=16)
        put(address + TP_FLAGS, get(address + TP_FLAGS) | HEAPTYPE)
        put(address + TP_DICT, id(entries))
        make_instances(address, 16, 1)


def shared_items():
    """Lists that share the same 67 million items, all NULL, in an address space large enough to
    hold them."""
    for _ in range(8):
        # MAP_NORESERVE
        kept.append(mmap.mmap(-1, 1 << 42, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000))
    items = ctypes.addressof(ctypes.c_char.from_buffer(kept[-1]))
    for _ in range(2000):
        one = [1, 2, 3]
        kept.append(one)
        put(id(one) + 24, items)
        put(id(one) + 16, 1 << 26)


LIES = {
    "shared_items": shared_items,
    "malloc_chunk": malloc_chunk,
    "dict_of_types": dict_of_types,
    "dict_offset": dict_offset,
    "dict_offset_negative": lambda: with_fields(TP_DICTOFFSET=-2**63, TP_BASICSIZE=48),
    "dict_offset_of_short": lambda: with_fields(16, TP_DICTOFFSET=-8, TP_ITEMSIZE=8),
    "weak_offset": lambda: with_fields(TP_WEAK=2**63 - 8, TP_BASICSIZE=48),
    "short_list": lambda: short(list),
    "short_dict": lambda: short(dict),
    "short_set": lambda: short(set),
    "short_deque": lambda: short(collections.deque),
    "short_tuple": lambda: short(tuple),
    "short_str": lambda: short(str),
    "short_int": lambda: short(int),
    "short_frame": lambda: short(type(sys._getframe())),
    "short_type": lambda: short(type),
    "huge_basic_size": lambda: with_fields(TP_BASICSIZE=2**63 - 1),
    "huge_item_size": lambda: with_fields(TP_ITEMSIZE=-2**63, TP_BASICSIZE=24),
    "managed_without_gc": lambda: with_fields(TP_FLAGS=get(id(object) + TP_FLAGS) & ~GC | 1 << 4),
    "frame_circle": frame_circle,
    "thread_circle": thread_circle,
    "interpreter_circle": interpreter_circle,
    "metaclass_loop": metaclass_loop,
    "metaclass_chain": metaclass_chain,
    "base_loop": base_loop,
    "endless_members": endless_members,
    "unterminated_name": unterminated_name,
    "unreadable_name": lambda: with_fields(TP_NAME=8),
    "bytes_as_name": bytes_as_name,
    "lists": lists,
    "tuples": tuples,
    "ints": ints,
    "dicts": dicts,
    "sets": sets,
    "deques": deques,
    "strings": strings,
    "module_names": module_names,
}


def wait():
    print("ready %d" % os.getpid(), flush=True)
    time.sleep(100000)


gc.disable()
honest = [Honest() for _ in range(5000)]
LIES[sys.argv[1]]()
wait()
