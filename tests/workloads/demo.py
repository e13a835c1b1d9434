"""A service whose memory grows and is never released: its work comes in bursts and is freed again,
but from time to time something of it stays in a cache."""
import os
import time


class Request(object):
    def __init__(self, number):
        self.number = number
        self.path = "/items/%d" % number
        self.headers = {"accept": "text/html", "cookie": "session=%d" % number}


def main():
    cache = {}
    print(os.getpid(), flush=True)
    for day in range(1000):
        requests = [Request(day * 1000000 + number) for number in range(100000)]
        for request in requests[::5000]:
            cache[request.path] = request
        del request, requests
        time.sleep(2)


main()
