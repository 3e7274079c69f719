"""Commit → first command: our daemon beside hook managers that do the same job in a post-commit hook."""

from notices import Notices, first, now
from place import Place
from table import Row, Sample

FILES, ROUNDS, FRESH_ROUNDS, WARM_UP = 2_000, 15, 7, 2


def measure(binary, report):
    with Place(binary) as place:
        place.goals(goal(place))
        seed = place.repository(FILES, "seed")
        ours = place.clone(seed, "acme/ours")
        others = {name: hooked(place, seed, name) for name in ("plain", "hook", "prek", "lefthook")}
        place.run([binary, "hooks", "add"], others["hook"])
        held, ran = {}, {}
        for variant in ("watching", "hooks"):
            if variant == "hooks":
                place.run([binary, "hooks", "add"], ours)
            pooled(place, ours, variant, others if variant == "hooks" else {}, held, ran)
        ran["fresh"] = fresh(place, ours)
        alone = [script(place, others["hook"]) for _ in range(50)]
    no_hook = Sample(held["plain"])
    report.rows += [
        Row("hook script by itself", Sample(alone), target=10),
        Row("git commit, our hook, no daemon", Sample(held["hook"]), "git commit, no hook", no_hook),
        Row("git commit, our hook, daemon at work", Sample(held["hooks"]), "git commit, prek", Sample(held["prek"])),
        Row("  the same", Sample(held["hooks"]), "git commit, lefthook", Sample(held["lefthook"])),
        Row("commit → command, pooled, hooks", Sample(ran["hooks"]), "prek", Sample(ran["prek"]), target=30),
        Row("  the same", Sample(ran["hooks"]), "lefthook", Sample(ran["lefthook"])),
        Row("commit → command, pooled, watching only", Sample(ran["watching"]), target=30),
        Row("commit → command, fresh workspace", Sample(ran["fresh"]), target=75),
    ]
    report.notes.append(
        f"commit → command: from the moment the branch's ref moved until the command (touch) made its file; {FILES:,} files, 20 of "
        f"them changed in each of {ROUNDS} commits ({FRESH_ROUNDS} for fresh). Ours checks the commit out into a workspace of its "
        "own first; the hook managers run in the developer's tree and hold git back until they are done."
    )


def goal(place):
    return f"rules:\n  - name: mark\n    goals: {{name: mark, execute: {{run: [touch, {place.marks}/mark]}}}}\n"


def hooked(place, seed, name):
    """A clone with the hook manager of this name doing our goal's job."""
    repo = place.clone(seed, f"others/{name}")
    command = f"touch {place.marks}/mark"
    if name == "prek":
        (repo / ".pre-commit-config.yaml").write_text(
            "repos:\n  - repo: local\n    hooks:\n      - {id: mark, name: mark, language: system, "
            f"entry: {command}, always_run: true, pass_filenames: false, stages: [post-commit]}}\n")
        place.run(["prek", "install", "--hook-type", "post-commit"], repo)
    if name == "lefthook":
        (repo / "lefthook.yml").write_text(f"post-commit:\n  jobs:\n    - {{name: mark, run: {command}}}\n")
        place.run(["lefthook", "install"], repo)
    return repo


def pooled(place, ours, variant, others, held, ran):
    """Rounds in which everybody commits once, one after the other, so that all meet the same noise."""
    place.start_machine(ours)
    for number in range(WARM_UP + ROUNDS):
        for name, repo in {variant: ours, **others}.items():
            place.change(repo, f"{variant} {number}")
            git_held, command_ran = commit(place, repo, expects_command=name not in ("plain", "hook"))
            if number >= WARM_UP:
                held.setdefault(name, []).append(git_held)
                ran.setdefault(name, []).append(command_ran)
            if repo == ours:
                sets = place.ask("select count(*) from goal_sets")
                place.rest(sets)
    place.stop()


def fresh(place, ours):
    """Each round with a daemon that has its mirror and no workspace."""
    times = []
    for number in range(FRESH_ROUNDS):
        # Moved, not removed: ext4 searches slowly for inodes for seconds after thousands were freed.
        (place.root / "state/workspaces").rename(place.root / f"aside-{number}")
        place.start_machine(ours)
        place.change(ours, f"fresh {number}")
        times.append(commit(place, ours)[1])
        place.rest(place.ask("select count(*) from goal_sets"))
        place.stop()
    return times


def commit(place, repo, expects_command=True):
    """How long `git commit` took, and from the ref's move to the command."""
    (place.marks / "mark").unlink(missing_ok=True)
    heads = repo / ".git/refs/heads"
    with Notices(heads, place.marks) as notices:
        begun = now()
        process = place.start(["git", "commit", "--quiet", "-m", "round"], repo)
        done = lambda found: first(found, heads, "main".__eq__) and (not expects_command or first(found, place.marks))
        found, ended = notices.follow(process, done)
    moved = first(found, heads, "main".__eq__)
    return ended - begun, first(found, place.marks) - moved if expects_command else None


def script(place, repo):
    begun = now()
    place.start([repo / ".git/hooks/post-commit"], repo).wait()
    return now() - begun
