"""Delta fetch of one commit into a mirror, beside `git fetch` of the same commit into a bare clone."""

import re

from notices import now
from place import Place
from table import Row, Sample

FILES, ROUNDS, WARM_UP = 2_000, 20, 2


def measure(binary, report):
    with Place(binary) as place:
        place.goals("rules:\n  - name: none\n    test: {has_file: no-such-file}\n    goals: {name: never, execute: {run: [true]}}\n")
        work = place.repository(FILES)
        mirror = place.clone(work, "mirror.git", "--mirror")
        place.start_machine(work, SDM_LOG_LEVEL="sdm=debug")
        theirs = []
        for number in range(WARM_UP + ROUNDS):
            place.change(work, number)
            place.git(work, "commit", "--quiet", "-m", f"round {number}")
            place.wait("the commit is fetched", lambda: len(fetches(place)) > number)
            begun = now()
            place.git(mirror, "fetch", "--quiet", "origin", "refs/heads/main:refs/heads/main")
            theirs.append(now() - begun)
        ours = fetches(place)[WARM_UP:]
    report.rows.append(Row("delta fetch of one commit, file", Sample(ours), "git fetch", Sample(theirs[WARM_UP:]), target=0.5,
                           relative=True))
    report.notes.append("delta fetch: ours as the daemon's own log says it, in whole milliseconds; over http it is not measured here.")


def fetches(place):
    return [float(duration) for duration in re.findall(r" fetched .*duration_ms=(\d+)", place.log())]
