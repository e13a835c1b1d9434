"""A process that nobody can read to its end: a page of its heap is its own to provide (userfaultfd(2)), and it does not."""
import ctypes
import fcntl
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

# Whole pools of blocks that nobody will touch: a list does not look at what it holds.
kept = [b"x" * 470 + b"%04d" % number for number in range(2000)]
address = id(kept[1000]) & ~(POOL - 1)
fd = libc.syscall(SYS_USERFAULTFD, 0)
if fd < 0:
    sys.exit("userfaultfd: errno %d" % ctypes.get_errno())
fcntl.ioctl(fd, UFFDIO_API, struct.pack("QQQ", UFFD_API, 0, 0))
fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack("QQQQ", address, PAGE, MODE_MISSING, 0))
if libc.madvise(address, PAGE, MADV_DONTNEED):
    sys.exit("madvise: errno %d" % ctypes.get_errno())
print("ready", flush=True)
while True:
    time.sleep(0.05)
