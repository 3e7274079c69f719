"""Push accepted → first command over http, and many pushes at once: our daemon watching an address, told by a hook."""

from notices import Notices, first, now
from place import Place
from push import AT_ONCE, Side, at_once
from server import Server
from table import Row, Sample

FILES, ROUNDS, WARM_UP = 2_000, 30, 2


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
            hook = bare / "hooks/post-receive"
            hook.write_text(f"#!/bin/sh\n'{binary}' replay '{address}' > /dev/null 2>&1 &\n")
            hook.chmod(0o755)
            work = place.clone(address, "work")
            theirs = place.clone(address, "theirs")
            place.start_machine(seed, address=address, SDM_POLL_INTERVAL="1h")
            place.run([binary, "replay", address], seed)  # it has looked once
            ours, floor = single(place, work, bare, theirs)
            side = Side(place, bare, lambda: place.ask("select count(*) from goal_sets"), place.rest)
            side.repo = address
            planned, ran = at_once(place, work, {"ours": side})["ours"]
        finally:
            server.stop()
    report.rows += [
        Row("push → command, http, pooled", Sample(ours), "git fetch + git checkout", Sample(floor), target=50),
        Row(f"{AT_ONCE} pushes at once over http: all planned", Sample(planned), target=1000),
        Row(f"{AT_ONCE} pushes at once over http: all commands ran", Sample(ran)),
    ]
    report.notes.append(
        f"push → command, http: {ROUNDS} pushes to `git http-backend` on this computer, from the moment the branch moved; its "
        "post-receive hook starts `sdm replay ADDRESS` as the hint. Beside it: git fetching and checking out the same commit, one "
        "after the other."
    )


def single(place, work, bare, theirs):
    ours, floor = [], []
    for number in range(WARM_UP + ROUNDS):
        place.change(work, number)
        place.git(work, "commit", "--quiet", "-m", f"round {number}")
        (place.marks / "main").unlink(missing_ok=True)
        with Notices(bare / "refs/heads", place.marks) as notices:
            process = place.start(["git", "push", "--quiet", "origin", "main"], work)
            found, _ = notices.follow(process, lambda found: first(found, place.marks))
        place.rest(number + 1)
        begun = now()
        place.git(theirs, "fetch", "--quiet", "origin", "main")
        place.git(theirs, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        if number >= WARM_UP:
            floor.append(now() - begun)
            ours.append(first(found, place.marks) - first(found, bare / "refs/heads", "main".__eq__))
    return ours, floor
