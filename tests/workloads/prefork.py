"""A pre-fork server: workers forked from a parent that already has its heap; each worker is
replaced after some requests.

Commands on stdin: "work" makes each worker do something; "pids" prints their pids."""
import os
import sys
import time

SHARED = [(number, str(number)) for number in range(100000)]


def serve(requests, answers, lifetime):
    kept = []
    for _ in range(lifetime):
        if not os.read(requests, 1):
            break
        kept.append([(number, number + 0.5) for number in range(2000)])
        os.write(answers, b".")
    os._exit(0)


def start(requests, answers):
    pid = os.fork()
    if not pid:
        serve(requests, answers, 5)
    return pid


def replace_ended(workers, requests, answers):
    pid = True
    while pid:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid:
            workers.remove(pid)
            workers.add(start(requests, answers))


def main():
    count = int(sys.argv[1])
    (requests, write), (read, answers) = os.pipe(), os.pipe()
    workers = {start(requests, answers) for _ in range(count)}
    print("ready %d" % os.getpid(), flush=True)
    for line in sys.stdin:
        if line.strip() == "work":
            for _ in range(3 * count):
                os.write(write, b"x")
                os.read(read, 1)
                replace_ended(workers, requests, answers)
        time.sleep(0.3)  # a worker that has served its last request exits
        replace_ended(workers, requests, answers)
        print(" ".join(map(str, sorted(workers))), flush=True)
    for pid in workers:
        os.kill(pid, 9)


main()
