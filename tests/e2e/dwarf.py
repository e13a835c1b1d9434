"""Offsets of the members of CPython's C structures, from debug information where the file has
it."""
import glob
import os
import re

from elftools.elf.elffile import ELFFile

# Debug information describes a structure completely only in source files that access its members.
# These files access all the members that the tests need.
SOURCES = {
    "pystate.c", "ceval.c", "gc.c", "gcmodule.c", "codeobject.c", "frameobject.c", "frame.c",
    "unicodeobject.c", "bytesobject.c", "stringobject.c",
}
NAMES = {"DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_atomic_type"}
RECORDS = {"DW_TAG_structure_type", "DW_TAG_union_type"}


def file_of(python):
    """The file that contains this CPython: libpython if the executable is linked to it, else the
    executable itself."""
    executable = (python.root or "") + python.command[-1]
    libraries = glob.glob("%s/../lib/libpython%d.%d*.so.*"
                          % ((os.path.dirname(executable),) + python.version[:2]))
    return os.path.realpath(libraries[0] if libraries else executable)


def has_debug_info(path):
    with open(path, "rb") as file:
        return ELFFile(file).get_section_by_name(".debug_info") is not None


def _name(die):
    attribute = die.attributes.get("DW_AT_name")
    return attribute.value.decode() if attribute else None


def _type(die):
    """The type of a member, an array or a typedef, with typedefs resolved; None for void."""
    while "DW_AT_type" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_type")
        if die.tag not in NAMES:
            return die
    return None


def _size(die):
    if die.tag != "DW_TAG_array_type":
        return die.attributes["DW_AT_byte_size"].value
    lengths = [child.attributes["DW_AT_upper_bound"].value + 1 for child in die.iter_children()]
    assert len(lengths) == 1
    return lengths[0] * _size(_type(die))


def _member(record, name):
    """The offset and the type of a member. The members of an anonymous member belong to the record
    itself."""
    for child in record.iter_children():
        if child.tag != "DW_TAG_member":
            continue
        place = child.attributes.get("DW_AT_data_member_location")
        offset = place.value if place else 0
        if _name(child) == name:
            return offset, _type(child)
        if _name(child) is None:
            inner = _member(_type(child), name)
            if inner:
                return offset + inner[0], inner[1]
    return None


class Layouts:
    """The structures in one file. The file stays open until close(). Loading takes seconds."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.records = {}
        for unit in ELFFile(self.file).get_dwarf_info().iter_CUs():
            top = unit.get_top_DIE()
            if os.path.basename(_name(top) or "") in SOURCES:
                for die in top.iter_children():
                    self._add(die)

    def _add(self, die):
        if die.tag == "DW_TAG_typedef":
            record = _type(die)
        else:
            record = die
        if record is not None and record.tag in RECORDS and (
                "DW_AT_byte_size" in record.attributes and _name(die)):
            self.records.setdefault(_name(die), record)

    def close(self):
        self.file.close()

    def has(self, name, path):
        record = self.records.get(name)
        return record is not None and _member(record, path.split(".")[0]) is not None

    def size(self, name):
        return _size(self.records[name])

    def offset(self, name, path):
        """Offset of a member given as a path, such as "obmalloc.mgmt" or "items[2].count"."""
        offset, die = 0, self.records[name]
        for member, index in re.findall(r"(\w+)(?:\[(\d+)\])?", path):
            place, die = _member(die, member)
            offset += place
            if index:
                die = _type(die)
                offset += int(index) * _size(die)
        return offset
