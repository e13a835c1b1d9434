"""A process that nobody can read completely: it is responsible for a page of its own heap
(userfaultfd(2)) and does not provide it.

    unreadable.py USER now       from the start: prints "ready"
    unreadable.py USER later     prints "ready" first; takes the page away at a line on stdin,
                                 provides it at the next one
"""
import ctypes
import fcntl
import os
import struct
import sys
import time

SYS_USERFAULTFD = 323  # x86-64
UFFDIO_API, UFFDIO_REGISTER = 0xc018aa3f, 0xc020aa00
UFFD_API, MODE_MISSING = 0xaa, 1
MADV_DONTNEED = 4
PAGE = 4096
POOL = 16384 if sys.version_info >= (3, 10) else 4096

libc = ctypes.CDLL(None, use_errno=True)
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

# Whole pools of blocks that will never be touched: a list does not access its items.
kept = [b"x" * 470 + b"%04d" % number for number in range(2000)]
address = id(kept[1000]) & ~(POOL - 1)
user, when = int(sys.argv[1]), sys.argv[2]
fd = libc.syscall(SYS_USERFAULTFD, 0)
if fd < 0:
    sys.exit("userfaultfd: errno %d" % ctypes.get_errno())
if user:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def take_away():
    fcntl.ioctl(fd, UFFDIO_API, struct.pack("QQQ", UFFD_API, 0, 0))
    fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack("QQQQ", address, PAGE, MODE_MISSING, 0))
    if libc.madvise(address, PAGE, MADV_DONTNEED):
        sys.exit("madvise: errno %d" % ctypes.get_errno())


if when == "later":
    print("ready", flush=True)
    sys.stdin.readline()
    take_away()
    print("taken", flush=True)
    sys.stdin.readline()
    os.close(fd)  # readers that wait for the page get zeros
    print("given", flush=True)
else:
    take_away()
    print("ready", flush=True)
while True:
    time.sleep(0.05)
