"""Signed webhooks that the hub accepts durably, on SQLite and on Postgres, and what they cost when there is history."""

import hashlib
import hmac
import http.client
import json
import re
import selectors
import socket
import statistics
import subprocess
import time

from place import Place
from postgres import Postgres
from table import Row, Sample

WEBHOOKS, TOGETHER, ROUNDS, REPOSITORIES = 4_000, 64, 5, 20
PERSON = {"name": "Ada", "email": "ada@example.com", "username": "ada"}


def measure(binary, report):
    with Place(binary) as place:
        rates = rounds(Hub(place))
    report.rows.append(Row("hub: signed pushes accepted durably, SQLite", Sample(rates, "/s"), target=5_000, at_least=True))
    first, last = Sample(rates[:1], "/s"), Sample(rates[-1:], "/s")
    report.rows.append(Row(f"hub: the same after {WEBHOOKS * (ROUNDS - 1):,} pushes", last, "the first round", first))
    if Postgres.program("initdb"):
        with Place(binary) as place, Postgres() as server:
            rates = rounds(Hub(place, "--database", server.url))
        report.rows.append(
            Row("hub: signed pushes accepted durably, Postgres", Sample(rates, "/s"), target=5_000, at_least=True))
    else:
        report.notes.append("hub: Postgres is NOT MEASURED, there is none here.")
    report.notes.append(
        f"hub: {TOGETHER} connections that each wait for the answer before they send again, {WEBHOOKS:,} pushes a round; the "
        "sender is this script, and Postgres, on the same cores."
    )


def rounds(hub):
    try:
        return [hub.accepts(WEBHOOKS) for _ in range(ROUNDS)]
    finally:
        hub.stop()


class Hub:
    """A hub of the measurement's own."""

    def __init__(self, place, *options):
        self.place, self.options, self.number, self.key = place, options, 0, None
        self.start()
        self.secret = (place.root / "state/hub-webhook-secret").read_text().strip().encode()

    def start(self):
        log = self.place.root / "hub.log"
        self.process = subprocess.Popen(
            [self.place.binary, "hub", "--listen", "127.0.0.1:0", *self.options], cwd=self.place.root,
            env={**self.place.environment, "SDM_LOG_LEVEL": "warn"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(log, "wb"))
        self.place.wait("the hub listens", lambda: "more keys" in log.read_text())
        self.port = int(re.search(r"listens: http://127\.0\.0\.1:(\d+)", log.read_text())[1])
        key = re.search(r"hub_a_\S+", log.read_text())
        self.key = key[0] if key else self.key

    def restart(self):
        self.stop()
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def next(self):
        self.number += 1
        return self.number

    def accepts(self, count):
        """Webhooks each second."""
        waiting = [self.request(self.next()) for _ in range(count)]
        waiting.reverse()  # taken from its end
        begun = time.perf_counter()
        Senders(self.port, waiting).run()
        return count / (time.perf_counter() - begun)

    def limit_to(self, repositories):
        """Asks with another key from now on, which is for these repositories alone."""
        made = subprocess.run(
            [self.place.binary, "hub", "key", "new", "limited", "--workspace", "main", "--scope", "graph:read", "--repo", repositories],
            cwd=self.place.root, env=self.place.environment, check=True, capture_output=True, text=True)
        self.key = re.search(r"hub_a_\S+", made.stdout + made.stderr)[0]

    def answers(self, count, question="{ Repo { name } }", repositories=None):
        """Seconds that a question to the graph takes: the median of so many, one after the other on one connection. It must be answered
        with so many repositories, if that is said."""
        body = json.dumps({"query": question})
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        head = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        times = []
        for _ in range(count):
            begun = time.perf_counter()
            connection.request("POST", "/graphql/team/main", body, head)
            answer = connection.getresponse()
            said = answer.read()
            times.append(time.perf_counter() - begun)
            if answer.status != 200:
                raise RuntimeError(f"the hub answered {answer.status}")
            found = len(json.loads(said)["data"]["Repo"])
            if repositories not in (None, found):
                raise RuntimeError(f"the hub answered with {found} repositories")
        connection.close()
        return statistics.median(times)

    def request(self, number, branch="main"):
        """A signed push. Commits have ids as real ones have: in no order."""
        name = f"app{number % REPOSITORIES}"
        repository = {"id": number % REPOSITORIES + 1, "name": name, "html_url": f"https://github.com/acme/{name}"}
        return self.signed(number, branch, commit_id(number - REPOSITORIES), commit_id(number), repository)

    def request_in(self, owner, number):
        """A signed push of a repository of its own, of this owner."""
        name = f"app{number}"
        repository = {"id": number, "name": name, "html_url": f"https://github.com/{owner}/{name}"}
        return self.signed(number, "main", commit_id(-number), commit_id(number), repository, owner)

    def request_of(self, number, before, after, url):
        """A signed push of a repository that is really there."""
        return self.signed(number, "main", before, after, {"id": 4711, "name": "app", "html_url": url})

    def signed(self, number, branch, before, after, repository, owner="acme"):
        commit = {"id": after, "message": "A change " * 8, "timestamp": "2026-01-01T00:00:00Z", "author": PERSON, "committer": PERSON}
        body = json.dumps({
            "ref": f"refs/heads/{branch}", "before": before, "after": after,
            "repository": {
                **repository, "full_name": f"{owner}/{repository['name']}", "default_branch": "main",
                "pushed_at": 1_800_000_000 + number, "owner": {"login": owner, "type": "Organization"}},
            "commits": [commit], "head_commit": commit}).encode()
        signature = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        head = (
            "POST /webhooks/github/main HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
            f"X-GitHub-Delivery: {number}\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n")
        return head.encode() + body


class Senders:
    """Connections that each wait for the answer before they send again. They share one loop that does no more than it must,
    because it takes its time from the hub's."""

    ANSWER = 16 * 1024

    def __init__(self, port, waiting):
        self.waiting, self.ready = waiting, selectors.DefaultSelector()
        for _ in range(min(TOGETHER, len(waiting))):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.ready.register(connection, selectors.EVENT_READ)
            connection.sendall(waiting.pop())

    def run(self):
        while self.ready.get_map():
            for key, _ in self.ready.select():
                self.answered(key.fileobj)

    def answered(self, connection):
        answer = connection.recv(self.ANSWER)  # answers are short and come in one piece
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the hub answered {answer[:200]!r}")
        if self.waiting:
            return connection.sendall(self.waiting.pop())
        self.ready.unregister(connection)
        connection.close()


def commit_id(number):
    return hashlib.sha1(str(number).encode()).hexdigest()
