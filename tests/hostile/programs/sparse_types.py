"""Objects whose type pointers are spread over 300 GiB that are mapped and were never touched:
reading them makes the kernel allocate page tables, which are charged to the reader."""
import mmap

import raw

MAP_NORESERVE = 0x4000
REGION = 2 << 20  # mapped by one page of page tables
OBJECTS = 140000

memory = mmap.mmap(-1, (OBJECTS + 1) * REGION,
                   flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
start = raw.ctypes.addressof(raw.ctypes.c_char.from_buffer(memory))
kept = [object() for _ in range(OBJECTS)]
for n, one in enumerate(kept):
    raw.set_word(id(one) + 8, start + n * REGION)
raw.rest()
