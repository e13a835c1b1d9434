"""A Python that does nothing; it is the name of its cgroup that is hostile."""
import raw

kept = [(n, n) for n in range(50000)]
raw.rest()
