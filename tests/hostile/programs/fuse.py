"""A Python that depends on a FUSE file server which has stopped answering. Four kinds:

code, heap: a page of its code or of its heap comes from the server.

exec: it executes a program and thereby closes a file of the server. The kernel waits for the answer
and holds a lock that readers of the process need.

program: its executable is a file of the server. The server stops answering just before the Python
is killed, SECONDS after its start or at SIGUSR1; a process that has the file open blocks when it
closes it.

It is started by root, which mounts the file system; with fusermount(1), or in a user namespace, any
user can do the same.

    fuse.py code|heap|exec|program leave|keep [USER [SECONDS]]

leave: the server takes no more requests; processes that wait for an answer can be killed. keep: the
server takes requests and answers none. The kernel then ignores signals: waiting processes cannot be
killed before the server ends.

At SIGUSR1 a process with a page of code or heap executes another Python, without such a page.

Read-ahead is disabled, because the kernel waits for it differently. The file system is in a mount
namespace that ends with its processes.
"""
import ctypes
import errno
import mmap
import os
import select
import signal
import struct
import sys
import time

import raw

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE = 1, 2, 3, 14, 15, 18
FLUSH, INIT, INTERRUPT, BATCH_FORGET = 25, 26, 36, 42
UNANSWERED = (FORGET, INTERRUPT, BATCH_FORGET)
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 0x40000
PR_SET_PDEATHSIG, MAP_FIXED = 1, 0x10
FILE_NODE, LONG = 2, 3600
PROGRAM = "/usr/bin/python3.11"  # the content of the file
FILE = "/mnt/libpython3.11.so.1.0"
LOW = 0x10000  # vm.mmap_min_addr: below all other code
PAGE, POOL = 4096, 16384


def attributes(node):
    """struct fuse_attr"""
    mode, size = 0o40755 if node == 1 else 0o100755, os.stat(PROGRAM).st_size
    return struct.pack("=6Q10I", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, PAGE,
                       0)


def answer(operation, node, arguments):
    """The data after struct fuse_out_header, as in linux/fuse.h; or an error."""
    if operation == INIT:
        return struct.pack("=4I2H2I2H8I", 7, 31, 0, 0, 1, 1, PAGE, 1, 1, 0, *[0] * 8)
    if operation == LOOKUP:
        return struct.pack("=4Q2I", FILE_NODE, 0, LONG, LONG, 0, 0) + attributes(FILE_NODE)
    if operation == GETATTR:
        return struct.pack("=Q2I", LONG, 0, 0) + attributes(node)
    if operation == OPEN:
        return struct.pack("=QIi", 0, 0, 0)
    if operation == READ:
        _, offset, size = struct.unpack_from("=2QI", arguments)
        return os.pread(CONTENT, size, offset)
    return b"" if operation == RELEASE or (operation == FLUSH
                                           and kind == "program") else errno.ENOSYS


def serve(device, silence, keeps):
    """Answers requests until @silence becomes readable, then stops."""
    while True:
        readable = select.select([device, silence], [], [])[0]
        if silence in readable:
            break
        request = os.read(device, 1 << 17)
        _, operation, unique, node = struct.unpack_from("=2I2Q", request)
        if operation in UNANSWERED:
            continue
        found = answer(operation, node, request[40:])
        error, body = (-found, b"") if isinstance(found, int) else (0, found)
        os.write(device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)
    while keeps:
        os.read(device, 1 << 17)
    signal.pause()


def mount(directory, user):
    """Returns the server's end."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = "fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other" % (device, user, user)
    raw.check(raw.libc.unshare(CLONE_NEWNS), "unshare")
    raw.check(raw.libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "mount")
    raw.check(raw.libc.mount(b"silent", directory.encode(), b"fuse", ctypes.c_ulong(0),
                             options.encode()), "mount")
    return device


def map_file(fd, address, protection):
    raw.libc.mmap.restype = ctypes.c_int64
    raw.check(raw.libc.mmap(ctypes.c_void_p(address), ctypes.c_size_t(PAGE), protection,
                            mmap.MAP_PRIVATE | MAP_FIXED, fd, ctypes.c_long(0)), "mmap")


def start(run, *arguments):
    """Starts a process that belongs to the user from its start and ends with this one."""
    pid = os.fork()
    if not pid:
        raw.check(raw.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
        run(*arguments)
    return pid


def execute(silence):
    os.open(FILE, os.O_RDONLY)  # close-on-exec, as Python opens all
    os.write(silence, b"!")
    raw.say_ready()
    os.execv("/bin/sleep", ["sleep", "1000"])


def be_a_trap(kind, silence):
    if kind == "exec":
        execute(silence)
    if kind == "program":
        # A few objects pin arenas, so the agent looks for allocation sites there.
        script = ("import os, time; kept = [b'x' * 400 + b'%d' % one for one in range(20000)]"
                  "[::2000]; print('ready', os.getpid(), flush=True); time.sleep(1000)")
        os.execve(FILE, ["python3", "-c", script], {"PYTHONHOME": "/usr"})
    # Whole pools of blocks that are never touched: a list does not access its items.
    kept = [b"x" * 470 + b"%04d" % number for number in range(2000)]
    # Tells the kernel that this server does not implement flush; otherwise closing a file later
    # would wait for it.
    os.close(os.open(FILE, os.O_RDONLY))
    fd = os.open(FILE, os.O_RDONLY)
    os.write(silence, b"!")
    if kind == "code":
        map_file(fd, LOW, mmap.PROT_READ | mmap.PROT_EXEC)
    else:
        map_file(fd, id(kept[1000]) & ~(POOL - 1), mmap.PROT_READ | mmap.PROT_WRITE)
    other = ["python3", "-c", "import time; time.sleep(1000)"]
    signal.signal(signal.SIGUSR1, lambda *_: os.execv("/usr/bin/python3", other))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    raw.say_ready()
    while True:
        time.sleep(0.05)


kind, keeps, user = sys.argv[1], sys.argv[2] == "keep", int(sys.argv[3]) if len(
    sys.argv) > 3 else 65534
CONTENT = os.open(PROGRAM, os.O_RDONLY)
device = mount("/mnt", user)
silence = os.pipe()
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
start(serve, device, silence[0], keeps)
os.close(device)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
trap = start(be_a_trap, kind, silence[1])
if kind == "program":
    signal.sigtimedwait([signal.SIGUSR1], int(sys.argv[4]) if len(sys.argv) > 4 else 1000)
    os.write(silence[1], b"!")
    os.kill(trap, signal.SIGKILL)
os.waitpid(trap, 0)
signal.pause()  # keeps the server running
