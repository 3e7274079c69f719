"""Delta fetch of one commit into a mirror, beside `git fetch` of the same commit into a bare clone."""

import re

from notices import now
from place import Place
from server import Server
from table import Row, Sample

FILES, ROUNDS, WARM_UP = 2_000, 20, 2


def measure(binary, report):
    with Place(binary) as place:
        work = place.repository(FILES)
        ours, theirs = rounds(place, work, work, work)
    report.rows.append(Row("delta fetch of one commit, file", ours, "git fetch", theirs, target=0.5, relative=True))
    with Place(binary) as place:
        work = place.repository(FILES, "served/acme/app")
        server = Server(place, place.root / "served")
        try:
            address = server.url("acme/app")
            ours, theirs = rounds(place, work, address, place.root, lambda: place.run([binary, "replay", address], place.root))
        finally:
            server.stop()
    report.rows.append(Row("delta fetch of one commit, http", ours, "git fetch", theirs, target=0.5, relative=True))
    report.notes.append("delta fetch: ours as the daemon's own log says it, in whole milliseconds; git's is a whole process.")


def rounds(place, work, address, directory, hint=lambda: None):
    """Ours and theirs, the same commit fetched from the same address."""
    place.goals("rules:\n  - name: none\n    test: {has_file: no-such-file}\n    goals: {name: never, execute: {run: [true]}}\n")
    mirror = place.clone(address, "mirror.git", "--mirror")
    place.start_machine(directory, address=str(address), SDM_LOG_LEVEL="sdm=debug", SDM_POLL_INTERVAL="1h")
    hint()
    theirs = []
    for number in range(WARM_UP + ROUNDS):
        place.change(work, number)
        place.git(work, "commit", "--quiet", "-m", f"round {number}")
        hint()
        place.wait("the commit is fetched", lambda: len(fetches(place)) > number)
        begun = now()
        place.git(mirror, "fetch", "--quiet", "origin", "refs/heads/main:refs/heads/main")
        theirs.append(now() - begun)
    return Sample(fetches(place)[WARM_UP:]), Sample(theirs[WARM_UP:])


def fetches(place):
    return [float(duration) for duration in re.findall(r" fetched .*duration_ms=(\d+)", place.log())]
