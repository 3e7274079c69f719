"""When files appear, by inotify: all moments are readings of one monotonic clock, taken as the kernel tells."""

import ctypes
import os
import select
import struct
import time

CREATE, MOVED_TO = 0x100, 0x80
LIBC = ctypes.CDLL(None, use_errno=True)


def now():
    """Milliseconds of the monotonic clock."""
    return time.monotonic_ns() / 1e6


class Notices:
    """Names that appear in watched directories."""

    def __init__(self, *directories):
        self.descriptor = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.directories = {}
        for directory in directories:
            watch = LIBC.inotify_add_watch(self.descriptor, os.fsencode(directory), CREATE | MOVED_TO)
            if watch < 0:
                raise OSError(ctypes.get_errno(), f"watch {directory}")
            self.directories[watch] = str(directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)

    def read(self):
        """What has appeared, as (directory, name, moment), without waiting."""
        try:
            data = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return []
        moment, found, at = now(), [], 0
        while at < len(data):
            watch, _, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16 : at + 16 + length].rstrip(b"\0").decode()
            found.append((self.directories[watch], name, moment))
            at += 16 + length
        return found

    def follow(self, process, is_complete, patience=30):
        """Collects until `is_complete(found)` and the process, when there is one, has ended; (found, end of process)."""
        poll, found, ended = select.poll(), [], None
        poll.register(self.descriptor, select.POLLIN)
        pid = os.pidfd_open(process.pid) if process else None
        if pid is not None:
            poll.register(pid, select.POLLIN)
        deadline = time.monotonic() + patience
        while not is_complete(found) or (process and ended is None):
            if time.monotonic() > deadline:
                raise TimeoutError(f"in vain after {patience} s; seen: {found[-5:]}")
            for descriptor, _ in poll.poll(1000):
                if descriptor == pid:
                    ended = now()
                    poll.unregister(pid)
                    os.close(pid)
                else:
                    found += self.read()
        if process and process.wait() != 0:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        return found, ended


def first(found, directory, is_wanted=lambda name: True):
    """The moment when the first wanted name appeared in a directory."""
    return next((moment for where, name, moment in found if where == str(directory) and is_wanted(name)), None)
