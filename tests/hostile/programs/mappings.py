"""A Python with as many mappings as the kernel allows, about 60,000: writable and read-only pages
alternate."""
import ctypes
import mmap

import raw

PAGE = 4096
COUNT = 60000

area = mmap.mmap(-1, COUNT * PAGE)
address = ctypes.addressof(ctypes.c_char.from_buffer(area))
for page in range(0, COUNT, 2):
    raw.check(raw.libc.mprotect(ctypes.c_void_p(address + page * PAGE), ctypes.c_size_t(PAGE), 1),
              "mprotect")
kept = [(n, n) for n in range(50000)]
raw.rest()
