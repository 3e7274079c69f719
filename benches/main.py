"""Runs the measurements named on the command line, or all, and prints one table."""

import os
import subprocess
import sys
import time

import archives
import author
import commit
import containers
import fetch
import goal
import history
import hub
import inside
import machines
import planning
import push
import push_http
import push_team
import standing
from table import Report

MEASUREMENTS = {
    module.__name__: module.measure
    for module in (
        author, commit, push, push_http, push_team, fetch, planning, archives, standing, inside, containers, hub, machines, history,
        goal)
}


def main():
    wanted = sys.argv[1:] or list(MEASUREMENTS)
    if wanted == ["--list"]:
        print("\n".join(MEASUREMENTS))
        return 0
    if unknown := [name for name in wanted if name not in MEASUREMENTS]:
        print(f"there is no measurement {', '.join(unknown)}; there are: {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    binary, report, failed = os.path.abspath(os.environ["SDM_BIN"]), Report(), False
    for name in wanted:
        begun, before = time.monotonic(), len(report.rows)
        print(f"measuring: {name} …", file=sys.stderr)
        try:
            MEASUREMENTS[name](binary, report)
        except Exception as error:  # the others are still worth their time
            failed = True
            report.notes.append(f"{name}: NOT MEASURED, {error}")
        print(f"measured: {name}, in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        for row in report.rows[before:]:
            print("  " + " · ".join(cell for cell in row.cells() if cell), file=sys.stderr)
    print(f"{describe()}\n\n{report}")
    return 1 if failed else 0


def describe():
    git = subprocess.run(["git", "--version"], capture_output=True, text=True).stdout.strip()
    load = os.getloadavg()[0]
    kernel = os.uname()
    return f"{os.cpu_count()} cores, load {load:.1f}, {kernel.sysname} {kernel.release} {kernel.machine}, {git}, {time.strftime('%F')}"


if __name__ == "__main__":
    sys.exit(main())
