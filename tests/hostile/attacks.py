"""The list of hostile programs: how each is started, and by what name pyfrag says that it refused something."""
import dataclasses
import re
from typing import Optional


@dataclasses.dataclass(frozen=True, eq=False)
class Attack:
    name: str
    command: list               # its words; {programs}, {own}, {python} stand for places
    refused: Optional[str] = None   # matches one of the names of what is refused; None: there is nothing to refuse
    cgroup: Optional[str] = None    # a name for one of its own
    as_root: bool = False       # it drops its privileges itself
    may_hang: bool = False      # a single command about it need not end before it is told to

    def argv(self, **places):
        return [word.format(**places) for word in self.command]


def python(name, script, *words, **options):
    return Attack(name, ["{python}", "{programs}/" + script, *words], **options)


def native(name, program, *words, **options):
    return Attack(name, ["{programs}/" + program, *words], **options)


ATTACKS = [
    native("fifo", "fifo", "{own}", "{python}"),
    native("blind", "blind", "{python}"),
    native("sparse", "sparse", "8192"),
    native("cmdline", "cmdline", "4096"),
    python("dictoff", "dictoff.py"),
    python("overread", "overread.py"),
    python("cycle", "cycle.py"),
    python("label", "label.py", "8"),
    python("names", "names.py"),
    python("cgroup", "own_cgroup.py", cgroup='0::x"\\\x1b[31m}\x9b 1.service'),
    native("short_lived", "short_lived", "{python}"),
    python("threads", "threads.py"),
    python("userfault", "userfault.py", as_root=True, may_hang=True),
    python("execs", "execs.py", "0"),
    python("owners", "owners.py"),
    native("ptraced", "ptraced", "{python}"),
    python("zombie_leader", "zombie_leader.py"),
    python("mappings", "mappings.py"),
    python("deep", "deep.py", "{own}"),
    python("mapped_names", "mapped_names.py", "{own}"),
]

# Attacks that pyfrag does not withstand yet, and how that shows.
NOT_YET = {
    "sparse": "takes all memory",
    "cmdline": "takes all memory",
    "dictoff": "snapshot --by ends by SIGSEGV",
    "cycle": "snapshot --paths does not end",
    "label": "the agent takes all memory",
    "cgroup": "reports and metrics have U+009B raw, metrics ESC",
    "names": "reports have U+009B raw",
    "userfault": "trace -p does not end, not even when told to",
}


def is_refused(attack, names):
    return attack.refused is None or any(re.search(attack.refused, name) for name in names)
