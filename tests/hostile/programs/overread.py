"""A type that says it is a list, and that its instances have 16 bytes: whoever reads a list's items of one reads past its
block. Built-in by its flags, so that it is believed."""
import ctypes

import raw

TYPE_BYTES = 408  # PyTypeObject, 3.8 to 3.11
TP_BASICSIZE, TP_ITEMSIZE, TP_FLAGS = 32, 40, 168
HEAPTYPE, HAVE_GC = 1 << 9, 1 << 14

fake = ctypes.create_string_buffer(ctypes.string_at(id(list), TYPE_BYTES), 4096)
address = ctypes.addressof(fake)
raw.set_word(address + TP_BASICSIZE, 16)
raw.set_word(address + TP_ITEMSIZE, 0)
raw.set_word(address + TP_FLAGS, raw.word(address + TP_FLAGS) & ~(HEAPTYPE | HAVE_GC))
kept = [object() for _ in range(60000)]
for one in kept:
    raw.set_word(id(one) + 8, address)
raw.rest()
