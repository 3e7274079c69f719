"""Push → first command, and many pushes at once: our daemon on a bare repository beside Buildbot on another."""

import time

from buildbot import Buildbot
from notices import Notices, first, now
from place import Place
from table import Row, Sample

FILES, ROUNDS, WARM_UP, AT_ONCE, BURSTS = 2_000, 12, 2, 50, 1


def measure(binary, report):
    with Place(binary) as place:
        place.goals("rules:\n  - name: mark\n    goals: {name: mark, execute: "
                    f"{{run: [touch, '{place.marks}/${{branch}}']}}}}\n")
        seed = place.repository(FILES, "seed")
        work = place.clone(seed, "work")
        ours, theirs = (place.clone(seed, f"acme/{name}.git", "--bare") for name in ("ours", "theirs"))
        place.start_machine(ours)
        buildbot = None
        try:
            buildbot = Buildbot(place, theirs, place.marks)
            sides = {"ours": Side(place, ours, lambda: place.ask("select count(*) from goal_sets"), place.rest),
                     "theirs": Side(place, theirs, buildbot.planned, buildbot.rest)}
            times = single(place, work, sides)
            bursts = at_once(place, work, sides)
        finally:
            if buildbot:
                buildbot.stop()
    report.rows += [
        Row("push → command, bare repository, pooled", Sample(times["ours"]), "Buildbot", Sample(times["theirs"]), target=50),
        Row(f"{AT_ONCE} pushes at once: all planned", Sample(bursts["ours"][0]), "Buildbot", Sample(bursts["theirs"][0]),
            target=1000),
        Row(f"{AT_ONCE} pushes at once: all commands ran", Sample(bursts["ours"][1]), "Buildbot", Sample(bursts["theirs"][1])),
    ]
    report.notes.append(
        f"push → command: {ROUNDS} pushes over the file system, from the moment the branch moved in the bare repository; Buildbot is "
        "told by a post-receive hook with curl (its fastest way), has one worker on this computer, and updates one working tree "
        f"incrementally. {AT_ONCE} branches in one `git push`; planned: goal sets, or build requests, in the database."
    )


class Side:
    def __init__(self, place, repo, planned, rest):
        self.place, self.repo, self.planned, self.rest = place, repo, planned, rest
        self.heads = repo / "refs/heads"


def single(place, work, sides):
    times = {name: [] for name in sides}
    for number in range(WARM_UP + ROUNDS):
        place.change(work, number)
        place.git(work, "commit", "--quiet", "-m", f"round {number}")
        for name, side in sides.items():
            (place.marks / "main").unlink(missing_ok=True)
            with Notices(side.heads, place.marks) as notices:
                process = place.start(["git", "push", "--quiet", side.repo, "main"], work)
                found, _ = notices.follow(process, lambda found: first(found, place.marks))
            if number >= WARM_UP:
                times[name].append(first(found, place.marks) - first(found, side.heads, "main".__eq__))
            side.rest(number + 1)
    return times


def at_once(place, work, sides):
    """Per side: until all are planned, and until all commands ran."""
    times = {name: ([], []) for name in sides}
    for burst in range(BURSTS):
        names = [f"b{burst}-{number:02}" for number in range(AT_ONCE)]
        for name in names:
            place.git(work, "checkout", "--quiet", "-b", name, "main")
            place.git(work, "commit", "--quiet", "--allow-empty", "-m", name)
        for name, side in sides.items():
            planned, ran = one_burst(place, work, side, names)
            times[name][0].append(planned)
            times[name][1].append(ran)
            for mark in place.marks.iterdir():
                mark.unlink()
        place.git(work, "checkout", "--quiet", "main")
    return times


def one_burst(place, work, side, names):
    before, found, planned_at = side.planned(), [], None
    with Notices(side.heads, place.marks) as notices:
        process = place.start(["git", "push", "--quiet", side.repo, *names], work)
        deadline = time.monotonic() + 180
        ran = lambda: [entry for entry in found if entry[0] == str(place.marks)]
        while planned_at is None or len(ran()) < len(names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(ran())} of {len(names)} commands ran")
            found += notices.read()
            if planned_at is None and side.planned() - before >= len(names):
                planned_at = now()
            time.sleep(0.004)
        process.wait()
    moved = first(found, side.heads, names.__contains__)
    side.rest(before + len(names))
    return planned_at - moved, ran()[-1][2] - moved
