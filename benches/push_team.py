"""Push accepted → first command, the whole way: a forge's signed webhook, the hub, a machine that it tells, a fetch over http."""

import hashlib
import hmac
import http.client
import json
from statistics import quantiles

from hub import Hub, PERSON
from notices import Notices, first, now
from place import Place
from server import Server
from table import Row, Sample

FILES, ROUNDS, WARM_UP = 2_000, 100, 3


def measure(binary, report):
    with Place(binary) as place:
        place.goals(f"rules:\n  - name: mark\n    goals: {{name: mark, execute: {{run: [touch, '{place.marks}/main']}}}}\n")
        seed = place.repository(FILES, "seed")
        bare = place.clone(seed, "served/acme/app.git", "--bare")
        server, hub = Server(place, place.root / "served"), Hub(place)
        try:
            place.git(bare, "config", "http.receivepack", "true")
            place.git(bare, "config", "receive.autogc", "false")  # a forge tidies up at another time
            address = server.url("acme/app.git")
            work, theirs = place.clone(address, "work"), place.clone(address, "theirs")
            join(place, hub)
            forge = Forge(hub, server.url("acme/app"))
            ours, floor = pushes(place, forge, work, bare, theirs)
            forge.close()
        finally:
            place.stop()
            hub.stop()
            server.stop()
    report.rows += [
        Row("push → hub → machine → command, http, pooled", Sample(ours), "git fetch + git checkout", Sample(floor), target=50),
        Row("  99 of 100 of them within", Sample([quantiles(ours, n=100, method="inclusive")[98]]), target=250),
    ]
    report.notes.append(
        f"push → hub → machine → command: {ROUNDS} pushes to `git http-backend` on this computer, from the moment the branch moved; "
        "this script then sends the signed webhook as a forge would, the hub stores it and tells the machine, which fetches over http, "
        "plans and starts the command. Beside it: git fetching and checking out the same commit, one after the other."
    )


def join(place, hub):
    """Starts a machine in team mode."""
    key = place.root / "machine.key"
    key.write_text(place.run([place.binary, "hub", "key", "new", "bench"], place.root))
    key.chmod(0o600)
    config = place.root / "team.yaml"
    config.write_text(f"hub: {{address: 'http://127.0.0.1:{hub.port}', key: {{file: '{key}'}}, workspaces: [main]}}\ntrust: all\n")
    place.start_team(config)


class Forge:
    """What a forge does after a push."""

    def __init__(self, hub, page):
        self.connection = http.client.HTTPConnection("127.0.0.1", hub.port)
        self.secret, self.page, self.told = hub.secret, page, 0

    def tell(self, before, after):
        self.told += 1
        commit = {"id": after, "message": f"round {self.told}", "timestamp": "2026-01-01T00:00:00Z", "author": PERSON, "committer": PERSON}
        body = json.dumps({
            "ref": "refs/heads/main", "before": before, "after": after, "created": False, "deleted": False, "forced": False,
            "repository": {
                "id": 1, "name": "app", "full_name": "acme/app", "default_branch": "main", "html_url": self.page,
                "pushed_at": 1_800_000_000 + self.told, "owner": {"login": "acme", "type": "Organization"}},
            "commits": [commit], "head_commit": commit}).encode()
        signature = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        self.connection.request("POST", "/webhooks/github/main", body, {
            "Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": f"d{self.told}",
            "X-Hub-Signature-256": f"sha256={signature}"})
        answer = self.connection.getresponse()
        if answer.read() is None or answer.status != 200:
            raise RuntimeError(f"the hub answered {answer.status}")

    def close(self):
        self.connection.close()


def pushes(place, forge, work, bare, theirs):
    ours, floor = [], []
    for number in range(WARM_UP + ROUNDS):
        took = push(place, forge, work, bare, number)
        place.rest(number + 1)
        begun = now()
        place.git(theirs, "fetch", "--quiet", "origin", "main")
        place.git(theirs, "checkout", "--quiet", "--detach", "FETCH_HEAD")
        if number >= WARM_UP:
            floor.append(now() - begun)
            ours.append(took)
    return ours, floor


def push(place, forge, work, bare, number):
    """From the move of the branch to the command of one push."""
    before = place.git(work, "rev-parse", "HEAD")
    place.change(work, number)
    place.git(work, "commit", "--quiet", "-m", f"round {number}")
    after = place.git(work, "rev-parse", "HEAD")
    (place.marks / "main").unlink(missing_ok=True)
    moved = lambda found: first(found, bare / "refs/heads", "main".__eq__)
    is_told = False

    def is_complete(found):
        nonlocal is_told
        if moved(found) is not None and not is_told:
            is_told = True
            forge.tell(before, after)
        return first(found, place.marks)

    with Notices(bare / "refs/heads", place.marks) as notices:
        process = place.start(["git", "push", "--quiet", "origin", "main"], work)
        found, _ = notices.follow(process, is_complete)
    return first(found, place.marks) - moved(found)
