"""A cgroup with a memory limit for processes that are started in it, with cgroups of version 1 or
2."""
import os
import re

MIB = 1 << 20


def _mounts(kind):
    """The mount points of hierarchies of @kind, with their options."""
    with open("/proc/self/mounts") as file:
        for line in file:
            _, place, found, options = line.split()[:4]
            if found == kind:
                yield place, options.split(",")


def _own_path(place):
    """This process' own cgroup in the version 2 hierarchy at @place."""
    with open("/proc/self/cgroup") as file:
        match = re.search(r"^0::(.*)$", file.read(), re.M)
    return place + match.group(1).rstrip("/") if match else place


def _parents():
    """Cgroups in which one with a memory limit can be made, and the names of its files."""
    for place, options in _mounts("cgroup"):
        if "memory" in options:
            yield place, ("memory.limit_in_bytes", "memory.max_usage_in_bytes")
    for place, _ in _mounts("cgroup2"):
        for parent in {_own_path(place), place}:
            try:
                with open(parent + "/cgroup.controllers") as file:
                    if "memory" not in file.read().split():
                        continue
                with open(parent + "/cgroup.subtree_control", "w") as file:
                    file.write("+memory")
            except OSError:
                continue  # it has processes of its own, or is not ours
            yield parent, ("memory.max", "memory.peak")


def find():
    """The first usable parent, or None."""
    for parent, files in _parents():
        jail = Jail(parent, files, "pyfrag-test-%d" % os.getpid())
        try:
            jail.make(256 * MIB)
            jail.remove()
        except OSError:
            continue
        return parent, files
    return None


def unified():
    """The mount point of the version 2 hierarchy, with or without controllers, or None."""
    return next((place for place, _ in _mounts("cgroup2")), None)


class Jail:
    def __init__(self, parent, files, name):
        self.path = os.path.join(parent, name)
        self.limit_file, self.peak_file = files

    def make(self, limit):
        os.mkdir(self.path)
        with open(os.path.join(self.path, self.limit_file), "w") as file:
            file.write(str(limit))
        return self

    def wrapper(self):
        """A command prefix that runs the command in this cgroup."""
        return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', self.path]

    def peak_mib(self):
        """The peak memory, caches included; None before kernel 5.19 with version 2."""
        try:
            with open(os.path.join(self.path, self.peak_file)) as file:
                return int(file.read()) / MIB
        except OSError:
            return None

    def remove(self):
        os.rmdir(self.path)
