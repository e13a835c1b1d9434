"""A frame that was called by itself, with 2,000 local variables: whoever walks to the end of the stack never gets there."""
import sys

import raw

F_FRAME = 24   # of PyFrameObject, 3.11
PREVIOUS = 48  # of _PyInterpreterFrame, 3.11


def turn_back(frame):
    inner = raw.word(id(frame) + F_FRAME)
    raw.set_word(inner + PREVIOUS, inner)


names = {"turn_back": turn_back, "rest": raw.rest, "getframe": sys._getframe}
exec("def many():\n" + "".join("    local%d = %d\n" % (n, n) for n in range(2000)) +
     "    turn_back(getframe())\n    rest()\n", names)
names["many"]()
