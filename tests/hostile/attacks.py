"""The list of hostile programs: how each is started, and which names in pyfrag's output show that
it refused something."""
import ast
import dataclasses
import os
import re
from typing import Optional

LYING_TYPES = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                           "../workloads/hostile_types.py")


@dataclasses.dataclass(frozen=True, eq=False)
class Attack:
    name: str
    # The words of the command; {programs}, {workloads}, {own}, {python} are replaced by paths.
    command: list
    # A pattern for the names of refusals; None if there is nothing to refuse.
    refused: Optional[str] = None
    cgroup: Optional[str] = None    # the name of a cgroup of its own
    as_root: bool = False           # it drops its privileges itself
    may_hang: bool = False          # a single command about it may run until it is interrupted
    is_long: bool = False           # run only if there is time
    needs: Optional[str] = None     # a file without which it cannot be started

    def argv(self, **places):
        return [word.format(**places) for word in self.command]


def python(name, script, *words, **options):
    return Attack(name, ["{python}", "{programs}/" + script, *words], **options)


def native(name, program, *words, **options):
    return Attack(name, ["{programs}/" + program, *words], **options)


def lie(name, **options):
    return Attack(name, ["{python}", "{workloads}/hostile_types.py", name], **options)


# The lies that represent all others if time is short; tests/e2e/test_hostile_types.py has all of
# them.
MAIN_LIES = [
    lie("dict_offset", refused="types_refused"),
    lie("short_list", refused="types_refused"),
    lie("frame_circle", refused="roots_refused"),
]


def other_lies():
    with open(LYING_TYPES) as file:
        table = next(node.value for node in ast.parse(file.read()).body
                     if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LIES")
    names = [key.value for key in table.keys]
    return [lie(name, is_long=True) for name in names
            if name not in [one.name for one in MAIN_LIES]]


ATTACKS = [
    native("fifo", "fifo", "{own}", "{python}"),
    native("blind", "blind", "{python}"),
    native("sparse", "sparse", "8192"),
    native("symbols", "symbols", "64", "4"),
    native("cmdline", "cmdline", "4096"),
    native("memfds", "memfds", "/bin/true", refused="files_left_out"),
    *MAIN_LIES,
    python("label", "label.py", "8", refused="texts_cut"),
    python("names", "names.py"),
    python("long_names", "long_names.py"),
    python("cgroup", "own_cgroup.py", cgroup='0::x"\\\x1b[31m}\x9b 1.service'),
    native("short_lived", "short_lived", "{python}"),
    python("threads", "threads.py"),
    python("userfault", "userfault.py", as_root=True, may_hang=True, refused="readings_hanging"),
    *[python("fuse_" + kind, "fuse.py", kind, "leave", as_root=True, may_hang=True,
             refused="readings_hanging", needs="/dev/fuse")
      for kind in ("code", "heap", "exec")],
    python("execs", "execs.py", "0"),
    python("owners", "owners.py"),
    native("ptraced", "ptraced", "{python}"),
    python("zombie_leader", "zombie_leader.py"),
    python("mappings", "mappings.py"),
    python("deep", "deep.py", "{own}"),
    python("mapped_names", "mapped_names.py", "{own}"),
    python("evil_elf", "evil_elf.py", "{own}", refused="sites_mismatched"),
    python("patching", "patching.py"),
    python("sparse_types", "sparse_types.py", refused="memory_refused|needs more than"),
    python("expensive", "expensive.py", is_long=True),
    *other_lies(),
]


def is_refused(attack, names):
    return attack.refused is None or any(re.search(attack.refused, name) for name in names)
