"""A service whose memory grows and never comes back: requests come in bursts, their objects go again,
but a few of each burst stay in a cache."""
import os
import time


class Request(object):
    def __init__(self, number):
        self.number = number
        self.path = "/items/%d" % number
        self.headers = {"accept": "text/html", "cookie": "session=%d" % number}


def main():
    cache = []
    print(os.getpid(), flush=True)
    for burst in range(1000):
        requests = [Request(burst * 100000 + number) for number in range(30000)]
        cache.extend(requests[::1500])
        del requests
        time.sleep(0.3)


main()
