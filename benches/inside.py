"""What can only be timed from inside: our ignored measuring tests, in the release profile, with git beside them."""

import os
import re
import subprocess

from hub import Hub, Senders
from place import Place
from table import Row, Sample

ROUNDS, QUESTIONS = 3, 100
# Repositories that a question looks at one by one, of which whoever asks may see every second.
LOOKED_AT = 1_000
# Each is decided on by its number and by its name (hub/access/bearer.rs).
DECISIONS_EACH = 2


def measure(binary, report):
    runs = [run("git::measure::fresh_and_pooled") for _ in range(ROUNDS)]
    times = lambda name: Sample([float(re.search(rf"{name}:\s+([\d.]+) ms", text)[1]) for text in runs])
    speeds = [run("store::machine::tests::speed") for _ in range(ROUNDS)]
    rates = [float(re.search(r"(\d+) transitions/s", text)[1]) for text in speeds]
    report.rows += [
        Row("fresh workspace, 2,000 files", times("lend fresh"), "git worktree add", times("git worktree add"), target=1, relative=True),
        Row("pooled workspace, 20 files changed", times("lend pooled"), "git checkout", times("git checkout"), target=1, relative=True),
        Row("durable goal transitions, 64 at once", Sample(rates, "/s"), target=5_000, at_least=True),
    ]
    decided = [run("access::tests::speed") for _ in range(ROUNDS)]
    decided = Sample([float(re.search(r"(\d+) evaluations/s", text)[1]) for text in decided], "/s")
    report.rows.append(Row("hub: decisions over one request, 1,000 machines with 20 grants each", decided))
    report.rows.append(share(binary, decided))
    report.notes.append(f"workspaces: each figure is the median of {ROUNDS} runs' medians over 15 rounds.")


def share(binary, decided):
    """What of the time of a question to the graph all decisions over it are, in percent: one over the question, and those over each
    repository that it looks at, for somebody who may see every second."""
    with Place(binary) as place:
        hub = Hub(place)
        try:
            Senders(hub.port, [hub.request_in("seen" if number % 2 else "unseen", number) for number in range(1, LOOKED_AT + 1)]).run()
            hub.limit_to("seen/*")
            question = f"{{ Repo(_first: {LOOKED_AT}) {{ name }} }}"
            times = [hub.answers(QUESTIONS, question, LOOKED_AT // 2) for _ in range(ROUNDS)]
        finally:
            hub.stop()
    decisions = 1 + DECISIONS_EACH * LOOKED_AT
    shares = [100 * decisions / (time * decided.median) for time in times]
    return Row(f"hub: the share of all {decisions:,} decisions in a question over {LOOKED_AT:,} repositories", Sample(shares, "%"))


def run(name):
    command = ["cargo", "test", "--quiet", "--release", "--locked", "--lib", name, "--", "--ignored", "--nocapture"]
    # Tests are linked piece by piece: as a whole that takes longer than all that is measured.
    environment = {**os.environ, "CARGO_PROFILE_RELEASE_LTO": "off"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
