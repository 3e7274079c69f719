"""Signed webhooks that the hub accepts durably, and what a subscription match costs when there is history."""

import asyncio
import hashlib
import hmac
import json
import re
import subprocess
import time

from place import Place
from table import Row, Sample

WEBHOOKS, TOGETHER, ROUNDS, REPOSITORIES = 4_000, 64, 5, 20
PERSON = {"name": "Ada", "email": "ada@example.com", "username": "ada"}


def measure(binary, report):
    with Place(binary) as place:
        hub = Hub(place)
        try:
            rates = [hub.accepts(round_, WEBHOOKS) for round_ in range(ROUNDS)]
        finally:
            hub.stop()
    report.rows.append(Row("hub: signed pushes accepted durably, SQLite", Sample(rates, "/s"), target=5_000, at_least=True))
    first, last = Sample(rates[:1], "/s"), Sample(rates[-1:], "/s")
    report.rows.append(Row(f"hub: the same after {WEBHOOKS * (ROUNDS - 1):,} pushes", last, "the first round", first))
    report.notes.append(
        f"hub: {TOGETHER} connections that each wait for the answer before they send again, {WEBHOOKS:,} pushes a round; the "
        "sender is this script, on the same cores."
    )


class Hub:
    """A hub of the measurement's own."""

    def __init__(self, place):
        self.log = open(place.root / "hub.log", "wb")
        self.process = subprocess.Popen(
            [place.binary, "hub", "--listen", "127.0.0.1:0"], cwd=place.root, env={**place.environment, "SDM_LOG_LEVEL": "warn"},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        said = lambda: (place.root / "hub.log").read_text()
        place.wait("the hub listens", lambda: "more keys" in said())
        self.port = int(re.search(r"listens: http://127\.0\.0\.1:(\d+)", said())[1])
        self.secret = (place.root / "state/hub-webhook-secret").read_text().strip().encode()

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def accepts(self, round_, count):
        """Webhooks each second."""
        waiting = [self.request(round_ * count + number) for number in range(count)]
        begun = time.perf_counter()
        asyncio.run(self.send(waiting))
        return count / (time.perf_counter() - begun)

    async def send(self, waiting):
        await asyncio.gather(*[self.sender(waiting) for _ in range(TOGETHER)])

    async def sender(self, waiting):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while waiting:
            writer.write(waiting.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the hub answered {head!r}")
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head.lower())[1]))
        writer.close()

    def request(self, number):
        name, after = f"app{number % REPOSITORIES}", f"{number + 2:040x}"
        commit = {"id": after, "message": "A change " * 8, "timestamp": "2026-01-01T00:00:00Z", "author": PERSON, "committer": PERSON}
        body = json.dumps({
            "ref": "refs/heads/main", "before": f"{number + 2 - REPOSITORIES:040x}", "after": after,
            "repository": {
                "id": number % REPOSITORIES + 1, "name": name, "full_name": f"acme/{name}", "default_branch": "main",
                "html_url": f"https://github.com/acme/{name}", "pushed_at": 1_800_000_000 + number,
                "owner": {"login": "acme", "type": "Organization"}},
            "commits": [commit], "head_commit": commit}).encode()
        signature = hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        head = (
            "POST /webhooks/github/main HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
            f"X-GitHub-Delivery: {number}\r\nX-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n")
        return head.encode() + body
