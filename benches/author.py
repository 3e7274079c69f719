"""500 goal files with their tests: `sdm check`, `sdm test` and `sdm explain` as whole processes."""

import sys

from notices import now
from place import Place
from table import Row, Sample

FILES, ROUNDS = 500, 10
FILE = """# Goals of service {0}.
rules:
  - name: service_{0}
    test: [{{has_file: services/{0}/Makefile}}, {{changed: "services/{0}/**"}}]
    goals:
      - - name: format-{0}
          execute: {{run: [make, format], directory: services/{0}, timeout: 5m}}
        - name: lint-{0}
          execute: {{run: [make, lint], directory: services/{0}, timeout: 5m}}
      - name: test-{0}
        execute: {{run: [make, test], directory: services/{0}, timeout: 20m, env: {{CI: "true"}}}}
        retry: true
        progress: [{{pattern: '^step (\\d+) of (\\d+)', phase: "$1/$2"}}]
  - name: ship_{0}
    depends_on: service_{0}
    test: [is_default_branch, {{has_file: services/{0}/ship.sh}}, {{when: 'push.commits.all(c, !c.message.contains("[skip ship]"))'}}]
    goals:
      - name: ship-{0}
        pre_approval: {{by: [team:release], count: 1}}
        execute: {{run: [./ship.sh], directory: services/{0}, timeout: 30m}}
tests:
  - name: service {0} is tested before it ships
    push: {{files: {{services/{0}/Makefile: "", services/{0}/ship.sh: ""}}}}
    expect: {{includes: [ship-{0}], order: [lint-{0}, test-{0}, ship-{0}]}}
"""
READ = "import sys, yaml\nfor name in sys.argv[1:]:\n    yaml.load(open(name), Loader=yaml.CSafeLoader)"


def measure(binary, report):
    with Place(binary) as place:
        repo = place.directory("acme/app")
        place.git(repo, "init", "--quiet", "--initial-branch=main")
        for number in range(0, FILES, 50):
            service = repo / f"services/{number}"
            service.mkdir(parents=True)
            (service / "Makefile").write_text("test:\n")
        place.git(repo, "add", "--all")
        place.git(repo, "commit", "--quiet", "--message", "Begin")
        names = []
        for number in range(FILES):
            path = place.root / f"goals/{number:03}.yaml"
            path.write_text(FILE.format(number))
            names.append(str(path))
        read = timed(place, [sys.executable, "-c", READ, *names], repo)
        for what, words, target in (("check", ["check"], 250), ("test", ["test", "--quiet"], 500), ("explain", ["explain"], 250)):
            ours = timed(place, [binary, *words], repo)
            report.rows.append(Row(f"sdm {what}, {FILES} goal files", ours, "PyYAML (in C) only reads them", read, target=target))
    report.notes.append(f"goal files: {FILES} of {len(FILE.splitlines())} lines, two rules, four goals and a test each; whole processes.")


def timed(place, command, repo):
    times = []
    for _ in range(ROUNDS):
        begun = now()
        place.run(command, repo)
        times.append(now() - begun)
    return Sample(times)
