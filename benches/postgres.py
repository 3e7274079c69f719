"""A Postgres of the measurement's own, as safe as it is by default: what it has committed is on the disk."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

USER = "postgres"


class Postgres:
    """A server on a socket in a temporary directory. It refuses to run as root, and then runs as the user of Debian's package."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="sdm-pg-", dir="/tmp"))
        if os.getuid() == 0:
            shutil.chown(self.root, USER)
        self.data, self.url = self.root / "d", f"postgres://{USER}@localhost/postgres?host={self.root}"
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses= -c unix_socket_directories={self.root}"
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.root / "log", "-o", options, "start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")
        shutil.rmtree(self.root, ignore_errors=True)

    def ask(self, query):
        """What `psql` prints."""
        command = [self.program("psql"), "-X", "-q", "-At", "-h", str(self.root), "-U", USER, "-c", query]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, name, *arguments):
        command = [self.program(name), *map(str, arguments)]
        if os.getuid() == 0:
            command = ["runuser", "-u", USER, "--", *command]
        subprocess.run(command, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def program(name):
        """A program of Postgres, on `PATH` or where Debian has it."""
        debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        return shutil.which(name) or (str(debian[-1]) if debian else None)
