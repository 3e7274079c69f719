"""1,000 rules over a tree of 100,000 files, by `sdm explain` and `sdm check` as whole processes."""

import subprocess

from notices import now
from place import Place
from table import Row, Sample

FILES, RULES, ROUNDS = 100_000, 1_000, 10
TESTS = [
    "{{has_file: d{0}/e{1}/f{2}}}",
    "{{changed: 'd{0}/**/*.rs'}}",
    "{{is_material_change: {{directories: [d{0}/e{1}], extensions: [rs]}}}}",
    "{{and: [is_default_branch, {{not: {{has_file: d{0}/none{2}}}}}]}}",
]
EXTENSION = "{{has_file_with_extension: x{2}}}"


def measure(binary, report):
    with Place(binary) as place:
        repo = place.directory("acme/app")
        place.git(repo, "init", "--quiet", "--initial-branch=main")
        stream(place, repo)
        listing = timed(place, ["git", "ls-tree", "-r", "HEAD"], repo)
        explain, check = [binary, "explain", "--json", "HEAD~1..HEAD"], [binary, "check"]
        figures = []
        for tests in (TESTS, [*TESTS, EXTENSION]):
            place.goals("rules:\n" + "".join(rule(number, tests) for number in range(RULES)))
            whole, reading = timed(place, explain, repo), timed(place, check, repo)
            planning = Sample([max(0, one - two) for one, two in zip(sorted(whole.values), sorted(reading.values))])
            figures.append((whole, reading, planning))
    name = f"{RULES:,} rules, {FILES:,} files"
    for what, (whole, reading, planning) in zip(("", ", some ask for extensions"), figures):
        report.rows += [
            Row(f"plan {name}{what}", planning, "git ls-tree -r", listing, target=50),
            Row("  sdm explain --json, whole process", whole, "sdm check (reads the rules)", reading),
        ]
    report.notes.append("plan: the whole process of `sdm explain` less that of `sdm check`, quantile by quantile; the machine reads the rules once.")


def rule(number, tests):
    test = tests[number % len(tests)].format(number % 100, number % 47, number)
    return f"  - name: rule{number}\n    test: {test}\n    goals: {{name: goal{number}, execute: {{run: [\"true\"]}}}}\n"


def stream(place, repo):
    """Two commits: all files, then one of them changed."""
    lines = ["blob\nmark :1\ndata 3\none\nblob\nmark :2\ndata 3\ntwo\n"]
    who = "committer Ada <ada@example.com> 1700000000 +0000\n"
    lines.append(f"commit refs/heads/main\nmark :3\n{who}data 3\none\n")
    lines += [f"M 100644 :1 d{number % 100}/e{number % 47}/f{number}.rs\n" for number in range(FILES)]
    lines.append(f"commit refs/heads/main\n{who}data 3\ntwo\nfrom :3\nM 100644 :2 d1/e1/f1.rs\n")
    subprocess.run(["git", "fast-import", "--quiet"], cwd=repo, env=place.environment, input="".join(lines).encode(), check=True)


def timed(place, command, repo):
    times = []
    for _ in range(ROUNDS):
        begun = now()
        place.run(command, repo)
        times.append(now() - begun)
    return Sample(times)
