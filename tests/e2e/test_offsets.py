"""Offsets in CPython's structures: compared with debug information where there is some. In every
build, a walk of an idle Python by these offsets is compared with what the Python itself says."""
import ast
import json
import os
import shutil
import subprocess

import pytest

import dwarf
from conftest import TOP
from target import Target

WALK = os.environ.get("PYFRAG_WALK", TOP + "/build/tests/e2e/walk")

# The fields that are offsets of members, and those of other versions; None if the version has no
# such member.
RUNTIME, INTERPRETER, THREAD = "_PyRuntimeState", "PyInterpreterState", "PyThreadState"
CODE = "PyCodeObject"
FULL_COLLECTIONS = "gc.generation_stats[2].collections"
GC_STATS = "gc_stats"


def expected_members(version):
    """The (structure, member) of each field of the table, in the names of that version's
    headers."""
    minor = version[1] if version[0] == 3 else 0
    frame = "_PyInterpreterFrame" if minor >= 11 else "PyFrameObject"
    text = "PyBytesObject" if minor else "PyStringObject"
    size = "ob_base.ob_size" if minor else "ob_size"

    def since(first, *member):
        return member if minor >= first else None

    def one_of(*members):
        """Takes pairs of a first version and a name; returns the last one that applies to this
        version."""
        return [name for first, name in members if minor >= first][-1]

    in_interpreter = (INTERPRETER, FULL_COLLECTIONS)
    return {
        "runtime_interpreters_head": since(7, RUNTIME, "interpreters.head"),
        "runtime_current_thread": (
            RUNTIME, "gilstate.tstate_current") if 7 <= minor <= 11 else None,
        "interpreter_next": (INTERPRETER, "next"),
        "interpreter_threads_head": (
            INTERPRETER, one_of((0, "tstate_head"), (11, "threads.head"))),
        "thread_next": (THREAD, "next"),
        "thread_interpreter": (THREAD, "interp"),
        "thread_id": (THREAD, "thread_id"),
        "thread_status": since(12, THREAD, "_status"),
        "thread_frame": (THREAD, one_of((0, "frame"), (11, "cframe"), (13, "current_frame"))),
        "cframe_current_frame": ("_PyCFrame", "current_frame") if minor in (11, 12) else None,
        "thread_data_stack": since(11, THREAD, "datastack_chunk"),
        "thread_cached_chunk": since(15, THREAD, "datastack_cached_chunk"),
        "frame_previous": (frame, one_of((0, "f_back"), (11, "previous"))),
        "frame_code": (frame, one_of((0, "f_code"), (13, "f_executable"))),
        "frame_instr": (frame, one_of((0, "f_lasti"), (11, "prev_instr"), (13, "instr_ptr"))),
        "frame_owner": since(11, frame, "owner"),
        "code_name": (CODE, "co_name"),
        "code_qualname": since(11, CODE, "co_qualname"),
        "code_filename": (CODE, "co_filename"),
        "code_firstlineno": (CODE, "co_firstlineno"),
        "code_line_table": (CODE, one_of((0, "co_lnotab"), (10, "co_linetable"))),
        "code_code": (CODE, one_of((0, "co_code"), (11, "co_code_adaptive"))),
        "code_size": since(11, CODE, "ob_base.ob_size"),
        "code_first_traceable": since(11, CODE, "_co_firsttraceable"),
        "object_type": ("PyObject", "ob_type"),
        "bytes_size": (text, size),
        "bytes_data": (text, "ob_sval"),
        "unicode_length": since(1, "PyASCIIObject", "length"),
        "unicode_state": since(1, "PyASCIIObject", "state"),
        "unicode_ascii_data": since(1, "PyASCIIObject"),
        "unicode_compact_data": since(1, "PyCompactUnicodeObject"),
        "type_name": ("PyTypeObject", "tp_name"),
        "full_collections_in_runtime": (RUNTIME, FULL_COLLECTIONS) if minor in (7, 8) else None,
        "full_collections_in_interpreter": in_interpreter if 9 <= minor <= 14 else None,
        "interpreter_gc_stats": since(15, INTERPRETER, "gc.generation_stats"),
        "gc_stats_full_collections": since(15, GC_STATS, "old[1].items[0].collections"),
    }


def expected_kinds(version):
    """The expected values of the fields that are not offsets: enum py_instr_kind, enum
    py_line_kind, and the fields after them."""
    minor = version[1] if version[0] == 3 else 0
    return {
        "instr_kind": 1 if minor < 10 else 2 if minor < 11 else 3 if minor < 13 else 4,
        "line_kind": 1 if minor == 0 else 2 if minor < 10 else 3 if minor < 11 else 4,
        "frame_code_tags": 3 if minor >= 14 else 0,
        "frame_owner_native": 3 if minor >= 12 else 255,
        "gc_stats_record_size": 64 if minor >= 15 else 0,
        "gc_stats_record_cnt": 3 if minor >= 15 else 0,
    }


def walk(pid):
    result = subprocess.run([WALK, str(pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)


def evaluate(target, expression):
    return ast.literal_eval(target.ask("eval " + expression))


def expected_offset(layouts, member):
    """For a structure without a member: the offset at which what follows it begins."""
    if member is None:
        return None
    return layouts.offset(*member) if len(member) > 1 else layouts.size(*member)


def test_offsets_are_those_of_the_debug_information(python):
    path = dwarf.file_of(python)
    if not dwarf.has_debug_info(path):
        pytest.skip("no debug information in " + path)
    layouts = dwarf.Layouts(path)
    expected = {field: expected_offset(layouts, member)
                for field, member in expected_members(python.version).items()}
    layouts.close()
    expected.update(expected_kinds(python.version))
    with Target(python) as target:
        target.wait_until_blocked()
        assert walk(target.pid)["offsets"] == expected


def test_kinds(target):
    target.wait_until_blocked()
    offsets = walk(target.pid)["offsets"]
    kinds = expected_kinds(target.python.version)
    assert {field: offsets[field] for field in kinds} == kinds


def to_text(frame):
    """The walk prints texts as lists of code points."""
    return {key: "".join(map(chr, value)) if isinstance(value, list) else value
            for key, value in frame.items()}


def without_place(stack):
    return [{key: value for key, value in frame.items() if key != "lasti"} for frame in stack]


def check_walk(target):
    evaluate(target, "__import__('stacks').start()")
    said = json.loads(evaluate(target, "__import__('stacks').describe()"))
    target.wait_until_blocked()
    (threads,) = walk(target.pid)["interpreters"]
    seen = {thread: [to_text(frame) for frame in stack] for thread, stack in threads.items()}
    own = seen.pop(said["own"])
    assert seen == said["threads"]
    assert len(seen) == 5 + (target.python.version >= (3,))
    # The question itself added frames above main(), and main() has advanced since.
    assert without_place(own) == without_place(said["asking"])[-len(own):]
    assert [frame["name"] for frame in own] == ["main", "<module>"]


def test_walk_finds_what_the_target_says(target):
    check_walk(target)


def check_full_collections(target):
    if target.python.version < (3,):
        assert walk(target.pid)["full_collections"] == "No data available"
        return
    for _ in range(5):
        said = evaluate(target, "__import__('gc').get_stats()[2]['collections']")
        assert walk(target.pid)["full_collections"] == said
        assert target.ask("gc") == "done"
        assert walk(target.pid)["full_collections"] == said + 1


def test_full_collections_are_those_of_the_target(target):
    check_full_collections(target)


@pytest.fixture
def stripped_target(python, tmp_path):
    """A target whose Python library has no symbols except those it exports."""
    path = dwarf.file_of(python)
    if python.root or not dwarf.has_debug_info(path):
        pytest.skip(path + " is already stripped")
    if ".so" not in path:
        pytest.skip(path + " is not a library")
    copy = str(tmp_path / os.path.basename(path))
    shutil.copy(path, copy)
    subprocess.run(["strip", copy], check=True)
    with Target(python, env={"LD_LIBRARY_PATH": str(tmp_path)}) as running:
        with open("/proc/%d/maps" % running.pid) as maps:
            assert copy in maps.read()
        yield running


def test_walk_without_symbols(stripped_target):
    check_walk(stripped_target)


def test_full_collections_without_symbols(stripped_target):
    if stripped_target.python.version[:2] == (3, 6):
        # They are in a static variable that nothing points to.
        assert walk(stripped_target.pid)["full_collections"] == "No data available"
        return
    check_full_collections(stripped_target)



def interpreters_module(version):
    if version < (3, 9):
        pytest.skip("no module that creates interpreters, or the interpreters share one counter")
    return "_interpreters" if version >= (3, 13) else "_xxsubinterpreters"


OWN_COLLECTIONS = "import gc, sys; gc.collect(); print(gc.get_stats()[2]['collections']); " \
    "sys.stdout.flush()"


def test_full_collections_of_all_interpreters(target):
    module = "__import__('%s')" % interpreters_module(target.python.version)
    target.ask("eval kept.append(%s.create())" % module)
    for _ in range(3):
        # The nested interpreter prints its answer before that of the interpreter that ran it.
        other = int(target.ask('eval %s.run_string(kept[0], "%s")' % (module, OWN_COLLECTIONS)))
        assert target.read() == "None"
    main = evaluate(target, "__import__('gc').get_stats()[2]['collections']")
    target.wait_until_blocked()
    found = walk(target.pid)
    assert len(found["interpreters"]) == 2
    assert other >= 3 and found["full_collections"] == main + other
