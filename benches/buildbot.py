"""Buildbot beside us: a master and a worker from PyPI, told of pushes by a post-receive hook."""

import os
import signal
import socket
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

MASTER = '''
from buildbot.plugins import *
c = BuildmasterConfig = {{
    "title": "bench", "titleURL": "http://localhost/", "buildbotURL": "http://localhost:{web}/", "buildbotNetUsageData": None,
    "workers": [worker.Worker("one", "secret", max_builds=2)],
    "protocols": {{"pb": {{"port": "tcp:{worker}:interface=127.0.0.1"}}}},
    "www": {{"port": "tcp:{web}:interface=127.0.0.1", "plugins": {{}}, "change_hook_dialects": {{"base": True}}}},
    "schedulers": [schedulers.AnyBranchScheduler(name="all", treeStableTimer=None, builderNames=["mark"])],
    "collapseRequests": False,
    "db": {{"db_url": "sqlite:///state.sqlite"}},
}}
f = util.BuildFactory([
    steps.Git(repourl="{repo}", mode="incremental"),
    steps.ShellCommand(command=["touch", util.Interpolate("{marks}/%(src::branch)s")]),
])
c["builders"] = [util.BuilderConfig(name="mark", workernames=["one"], factory=f)]
'''

HOOK = """#!/bin/sh
while read -r before after ref; do
    curl -fsS --max-time 20 -d author=ada -d revision="$after" -d comments=pushed -d branch="${{ref#refs/heads/}}" \\
        -d project= -d repository={repo} http://127.0.0.1:{web}/change_hook/base >/dev/null
done
"""


class Buildbot:
    """A master that watches a bare repository and one worker, below the place's directory."""

    def __init__(self, place, repo, marks):
        self.place, self.base = place, place.directory("buildbot")
        web, worker = free_port(), free_port()
        self.web = web
        place.run(["buildbot", "create-master", "--quiet", "master"], self.base)
        text = MASTER.format(web=web, worker=worker, repo=repo, marks=marks)
        (self.base / "master/master.cfg").write_text(text)
        place.run(["buildbot-worker", "create-worker", "--quiet", "worker", f"127.0.0.1:{worker}", "one", "secret"], self.base)
        hook = Path(repo) / "hooks/post-receive"
        hook.write_text(HOOK.format(web=web, repo=repo))
        hook.chmod(0o755)
        twistd = [str(Path(sys.executable).parent / "twistd"), "--pidfile=", "--nodaemon", "--no_save", "-y", "buildbot.tac"]
        self.processes = [place.start(twistd, self.base / name, start_new_session=True) for name in ("master", "worker")]
        place.wait("Buildbot answers", lambda: answers(web), pause=0.1)
        place.wait("Buildbot's worker is there", self.has_worker, pause=0.1)

    def has_worker(self):
        return self.ask("select count(*) from connected_workers") > 0

    def ask(self, query):
        """One value from the master's database; 0 while there is no such table."""
        connection = sqlite3.connect(f"file:{self.base}/master/state.sqlite?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(query).fetchone()[0]
        except sqlite3.OperationalError:
            return 0
        finally:
            connection.close()

    def planned(self):
        return self.ask("select count(*) from buildrequests")

    def rest(self, builds):
        done = "select count(*) from buildrequests where complete = 1"
        self.place.wait(f"{builds} builds have ended", lambda: self.ask(done) >= builds, pause=0.05)
        time.sleep(0.15)

    def memory(self):
        """Resident memory of the master, in MB."""
        return resident(self.processes[0].pid)

    def stop(self):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except Exception:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def resident(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
