"""A Python with 1,000 threads, each some frames deep."""
import threading

import raw

hold = threading.Lock()
hold.acquire()
threading.stack_size(64 << 10)


def wait(depth):
    if depth:
        wait(depth - 1)
    hold.acquire()


for _ in range(1000):
    threading.Thread(target=wait, args=(10,), daemon=True).start()
raw.rest()
