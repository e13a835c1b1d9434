"""A Python that blocks its readers forever: it is responsible for a page of its own heap
(userfaultfd) and never provides it. It is started by root, which creates the descriptor; where
vm.unprivileged_userfaultfd is set, or through FUSE, any user can do the same."""
import ctypes
import fcntl
import os
import struct
import sys
import time

import raw

SYS_USERFAULTFD = 323  # x86-64
UFFDIO_API, UFFDIO_REGISTER = 0xc018aa3f, 0xc020aa00
UFFD_API, MODE_MISSING = 0xaa, 1
MADV_DONTNEED = 4
PAGE, POOL = 4096, 16384

# Whole pools of blocks that are never touched: a list does not access its items.
kept = [b"x" * 470 + b"%04d" % number for number in range(2000)]
address = id(kept[1000]) & ~(POOL - 1)
fd = raw.check(raw.libc.syscall(SYS_USERFAULTFD, 0), "userfaultfd")
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
fcntl.ioctl(fd, UFFDIO_API, struct.pack("QQQ", UFFD_API, 0, 0))
fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack("QQQQ", address, PAGE, MODE_MISSING, 0))
raw.check(raw.libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), MADV_DONTNEED),
          "madvise")
raw.say_ready()
while True:
    time.sleep(0.05)
