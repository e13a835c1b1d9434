"""A Python that does nothing; the name of its cgroup is hostile."""
import raw

kept = [(n, n) for n in range(50000)]
raw.rest()
