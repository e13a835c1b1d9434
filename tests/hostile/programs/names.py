"""Names that a terminal, JSON or the metrics format would misinterpret: escape sequences, newlines,
quotes, a lone CSI (U+009B), invalid UTF-8. They are in the name of the process, its command line,
and its objects' types and keys."""
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
