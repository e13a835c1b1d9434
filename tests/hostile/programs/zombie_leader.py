"""A Python whose first thread has ended while others run: its pid names a zombie without memory,
mappings or executable."""
import threading
import time

import raw

SYS_EXIT = 60  # x86-64; ends this thread only


def work():
    kept = []
    time.sleep(0.2)
    raw.say_ready()
    while True:
        kept = [(n, n) for n in range(20000)]
        time.sleep(0.05)


threading.Thread(target=work).start()
raw.libc.syscall(SYS_EXIT, 0)
