"""The first word of its command line is MEBIBYTES MiB long; a reader that takes it for the
program's name makes a label of it.

    label.py MEBIBYTES
"""
import ctypes
import sys

import raw

text = ctypes.create_string_buffer(b"A" * (int(sys.argv[1]) << 20))
kept = [(n, n) for n in range(50000)]
raw.claim_arguments(ctypes.addressof(text), ctypes.addressof(text) + len(text))
raw.rest()
