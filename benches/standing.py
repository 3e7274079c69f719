"""What the daemon costs and how it takes a blow: idle memory, size of the program, a supervisor killed."""

import os
import shutil
import signal
import subprocess
import time

from buildbot import resident
from notices import now
from place import Place
from table import Row, Sample

DEATHS, PUSHES = 5, 20


def measure(binary, report):
    report.rows.append(Row("release binary, stripped", Sample([stripped(binary)], "MB"), target=40))
    with Place(binary) as place:
        place.goals("rules:\n  - name: long\n    goals: {name: long, execute: {run: [sleep, '600'], timeout: 1h}}\n")
        repo = place.repository(2_000)
        place.start_machine(repo)
        time.sleep(3)
        idle = resident(place.daemon.pid)
        deaths = [death(place, repo, number) for number in range(DEATHS)]
        place.goals("rules:\n  - name: short\n    goals: {name: short, execute: {run: ['true']}}\n")
        time.sleep(1)
        for number in range(PUSHES):
            place.change(repo, number)
            place.git(repo, "commit", "--quiet", "-m", "more")
            place.rest(place.ask("select count(*) from pushes"))
        time.sleep(3)
        later = resident(place.daemon.pid)
    report.rows += [
        Row("memory (VmRSS) of the idle daemon, one repository", Sample([idle], "MB"), target=20),
        Row(f"memory, idle again after {PUSHES + DEATHS} pushes", Sample([later], "MB"), target=20),
        Row("supervisor killed → its goal has ended", Sample(deaths, "ms"), target=15_000),
    ]


def stripped(binary):
    copy = f"{binary}.stripped-for-size"
    try:
        shutil.copy(binary, copy)
        if shutil.which("strip"):
            subprocess.run(["strip", "-s", copy], check=True)
        return os.path.getsize(copy) / 1e6
    finally:
        os.unlink(copy)


def death(place, repo, number):
    """From the supervisor's kill until the store says that its goal is not in process any more."""
    place.git(repo, "commit", "--quiet", "--allow-empty", "-m", f"death {number}")
    in_process = "select count(*) from goals where state = 'in_process'"
    place.wait("the goal runs", lambda: place.supervisors() and place.ask(in_process) == 1)
    time.sleep(0.3)
    begun = now()
    os.kill(place.supervisors()[0], signal.SIGKILL)
    place.wait("the death is noticed", lambda: place.ask(in_process) == 0, pause=0.002)
    return now() - begun

