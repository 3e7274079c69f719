"""Push accepted → first command over http, and many pushes at once: our daemon watching an address, told by a hook."""

from statistics import quantiles

from notices import Notices, first, now
from place import Place
from push import AT_ONCE, Side, at_once
from server import Server
from table import Row, Sample

FILES, ROUNDS, WARM_UP, FRESH_ROUNDS = 2_000, 100, 2, 7


def measure(binary, report):
    with Place(binary) as place:
        place.goals("rules:\n  - name: mark\n    goals: {name: mark, execute: "
                    f"{{run: [touch, '{place.marks}/${{branch}}']}}}}\n")
        seed = place.repository(FILES, "seed")
        bare = place.clone(seed, "served/acme/app.git", "--bare")
        server = Server(place, place.root / "served")
        try:
            address = server.url("acme/app.git")
            place.git(bare, "config", "http.receivepack", "true")
            place.git(bare, "config", "receive.autogc", "false")  # a forge tidies up at another time
            hook = bare / "hooks/post-receive"
            hook.write_text(f"#!/bin/sh\n'{binary}' replay '{address}' > /dev/null 2>&1 &\n")
            hook.chmod(0o755)
            work = place.clone(address, "work")
            theirs = place.clone(address, "theirs")
            place.start_machine(seed, address=address, SDM_POLL_INTERVAL="1h")
            place.run([binary, "replay", address], seed)  # it has looked once
            ours, floor = single(place, work, bare, theirs)
            new = fresh(place, work, bare, seed, address)
            side = Side(place, bare, lambda: place.ask("select count(*) from goal_sets"), place.rest)
            side.repo = address
            planned, ran = at_once(place, work, {"ours": side})["ours"]
        finally:
            server.stop()
    report.rows += [
        Row("push → command, http, pooled", Sample(ours), "git fetch + git checkout", Sample(floor), target=50),
        Row("  99 of 100 of them within", Sample([quantiles(ours, n=100, method="inclusive")[98]]), target=250),
        Row("push → command, http, fresh workspace", Sample(new), target=100),
        Row(f"{AT_ONCE} pushes at once over http: all planned", Sample(planned), target=1000),
        Row(f"{AT_ONCE} pushes at once over http: all commands ran", Sample(ran)),
    ]
    report.notes.append(
        f"push → command, http: {ROUNDS} pushes to `git http-backend` on this computer, {FRESH_ROUNDS} more with no workspace made "
        "yet, from the moment the branch moved; its post-receive hook starts `sdm replay ADDRESS` as the hint. Beside it: git "
        "fetching and checking out the same commit, one after the other."
    )


def single(place, work, bare, theirs):
    ours, floor = [], []
    for number in range(WARM_UP + ROUNDS):
        took = push(place, work, bare, number)
        place.rest(number + 1)
        begun = now()
        place.git(theirs, "fetch", "--quiet", "origin", "main")
        place.git(theirs, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        if number >= WARM_UP:
            floor.append(now() - begun)
            ours.append(took)
    return ours, floor


def fresh(place, work, bare, seed, address):
    """Each round with a daemon that has its mirror, has looked once, and has no workspace."""
    times = []
    for number in range(FRESH_ROUNDS):
        place.stop()
        (place.root / "state/workspaces").rename(place.root / f"aside-{number}")
        place.start_machine(seed, address=address, SDM_POLL_INTERVAL="1h")
        place.run([place.binary, "replay", address], seed)
        times.append(push(place, work, bare, f"fresh {number}"))
        place.rest(place.ask("select count(*) from goal_sets"))
    return times


def push(place, work, bare, number):
    """From the move of the branch to the command of one push."""
    place.change(work, number)
    place.git(work, "commit", "--quiet", "-m", f"round {number}")
    (place.marks / "main").unlink(missing_ok=True)
    with Notices(bare / "refs/heads", place.marks) as notices:
        process = place.start(["git", "push", "--quiet", "origin", "main"], work)
        found, _ = notices.follow(process, lambda found: first(found, place.marks))
    return first(found, place.marks) - first(found, bare / "refs/heads", "main".__eq__)
