"""A directory for one measurement: a clean environment, repositories, our daemon."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PATIENCE = 60


class Place:
    """Everything below one temporary directory, which goes away with it."""

    def __init__(self, binary):
        self.binary = binary
        self.root = Path(tempfile.mkdtemp(prefix="sdm-bench-"))
        self.marks = self.directory("marks")
        self.daemon = None
        tools = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(self.directory("home")),
            "LC_ALL": "C.UTF-8",
            "SDM_HOME": str(self.root / "state"),
            "XDG_RUNTIME_DIR": str(self.directory("run")),
            "SDM_GOALS": str(self.directory("goals")),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER") for key, value in
               (("NAME", "Ada"), ("EMAIL", "ada@example.com"))},
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        for pid in self.supervisors():  # goals outlive the daemon, and must not outlive the measurement
            os.kill(pid, signal.SIGTERM)
        self.wait("the goals have ended", lambda: not self.supervisors())
        shutil.rmtree(self.root, ignore_errors=True)

    def directory(self, name):
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    # --- programs

    def start(self, arguments, cwd, **more):
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more}
        return subprocess.Popen([str(word) for word in arguments], cwd=cwd, env=self.environment, **more)

    def run(self, arguments, cwd):
        """Runs a program that must succeed; its standard output."""
        done = subprocess.run([str(word) for word in arguments], cwd=cwd, env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    def git(self, cwd, *arguments):
        return self.run(["git", *arguments], cwd).strip()

    # --- repositories

    def repository(self, files, name="acme/app"):
        """A repository on `main` with one commit of this many source files of about 1.3 KB, packed as a clone would be."""
        path = self.directory(name)
        self.git(path, "init", "--quiet", "--initial-branch=main")
        for number in range(files):
            file = path / f"src/d{number % 40:02}/e{number % 5}/f{number}.rs"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"fn number_{number}() {{}}\n" * 60)
        self.git(path, "add", "--all")
        self.git(path, "commit", "--quiet", "-m", "first")
        self.git(path, "gc", "--quiet")
        return path

    def clone(self, repo, name, *options):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.git(self.root, "clone", "--quiet", *options, repo, path)
        return path

    def change(self, repo, number, files=20):
        """Changes some files and stages them: the next commit's content."""
        for which in range(files):
            file = repo / f"src/d{which:02}/e{which % 5}/f{which}.rs"
            file.write_text(f"// round {number}\n" + f"fn number_{which}() {{}}\n" * 60)
        self.git(repo, "add", "--all")

    # --- our daemon

    def goals(self, text):
        (self.root / "goals/goals.yaml").write_text(text)

    def start_machine(self, repo, *options, address=None, **variables):
        """Starts the daemon on a repository, or in it on an address, and waits until it answers."""
        log = open(self.root / "daemon.log", "ab")
        self.daemon = subprocess.Popen([self.binary, "start", "--local", *options, address or str(repo)], cwd=repo,
                                       env={**self.environment, **variables}, stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log)
        self.wait("the machine answers", lambda: subprocess.run(
            [self.binary, "show", "machines", "--json"], cwd=repo, env=self.environment,
            capture_output=True).returncode == 0)

    def start_team(self, config):
        """Starts the daemon with a configuration that names a hub, and waits until it is connected."""
        log = open(self.root / "daemon.log", "ab")
        self.daemon = subprocess.Popen([self.binary, "--config", config, "start"], cwd=self.root, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait("the machine is connected", lambda: "connected" in subprocess.run(
            [self.binary, "show", "machines", "--json"], cwd=self.root, env=self.environment,
            capture_output=True, text=True).stdout)

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            try:
                self.daemon.wait(20)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
            self.daemon = None

    def supervisors(self):
        """Supervisors of goals of this place that run, each the child of a guard with the same command line."""
        attempts, found = os.fsencode(self.root / "state/attempts"), {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if attempts in (entry / "cmdline").read_bytes():
                    found[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
        return [pid for pid, parent in found.items() if parent in found]

    def log(self):
        return (self.root / "daemon.log").read_text(errors="replace")

    def sdm(self, repo, *arguments):
        return json.loads(self.run([self.binary, *arguments, "--json"], repo))

    def ask(self, query, *values):
        """One value from the daemon's database, read beside it."""
        with_file = f"file:{self.root}/state/sdm.db?mode=ro"
        connection = sqlite3.connect(with_file, uri=True, timeout=5)
        try:
            return connection.execute(query, values).fetchone()[0]
        finally:
            connection.close()

    def rest(self, sets):
        """Waits until so many goal sets have ended, and what follows them has, too."""
        ended = "select count(*) from goal_sets where active = 0"
        self.wait(f"{sets} goal sets have ended", lambda: self.ask(ended) >= sets)
        time.sleep(0.15)

    def wait(self, what, is_so, pause=0.01):
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError(f"in vain until {what}\n{self.log()[-3000:]}")
            time.sleep(pause)
