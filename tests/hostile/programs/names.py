"""Names that a terminal, JSON, or the metrics' format would take for something else: escape
sequences, ends of lines, quotes, a lone CSI (U+009B), bytes that are no UTF-8. In the name of the
process, its command line, its objects' types and keys."""
import ctypes

import raw

PR_SET_NAME = 15

BAD = b'\x1b[2J\n"} 1\n\\\xc2\x9b\xff'

raw.check(raw.libc.prctl(PR_SET_NAME, b'\x1b[31m\n"\\\xc2\x9b\xff', 0, 0, 0), "PR_SET_NAME")
name = BAD.decode(errors="replace")
kept = [type(name, (), {"__slots__": (), "__module__": name})() for _ in range(100)]
kept += [{name + str(n): name} for n in range(20000)]
text = ctypes.create_string_buffer(b"/bin/" + BAD + b"\0" + BAD + b"\0")
raw.claim_arguments(ctypes.addressof(text), ctypes.addressof(text) + len(text))
raw.rest()
