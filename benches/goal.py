"""A push's webhook → its first goal is in process, through one hub: our machine, a machine of the original service as it comes from
the npm registry, and beside them Buildbot's change hook."""

import asyncio
import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

from buildbot import Buildbot
from hub import Hub
from machines import ask
from place import Place
from server import Server
from table import Row, Sample

ROUNDS, WARM_UP, FILES = 12, 2, 200
PARTS = Path(__file__).parent.parent / "tests/it/hub/original"


def measure(binary, report):
    with Place(binary) as place:
        seed = place.repository(FILES, "seed")
        place.clone(seed, "served/acme/app.git", "--bare")
        server = Server(place, place.root / "served")
        place.git(place.root / "served/acme/app.git", "config", "http.receivepack", "true")
        work = place.clone(server.url("acme/app.git"), "work")
        hub = Hub(place)
        try:
            ours = Sample(machine(place, hub, server, work, start_ours(place, hub)))
            theirs = original(place, hub, server, work, report)
            bot = Sample(change_hook(place, work))
        finally:
            hub.stop()
            server.stop()
    what = "webhook → first goal in process, as the hub shows it"
    report.rows.append(Row(what, ours, "the original's machine" if theirs else "", theirs))
    report.rows.append(Row("the same", ours, "Buildbot: change hook → build started", bot))
    report.notes.append(
        f"goal: {ROUNDS} pushes to a repository of {FILES} files, one after the other. The hub is asked every few milliseconds; "
        "Buildbot's database likewise.")


def start_ours(place, hub):
    place.goals("rules:\n  - name: build\n    goals: {name: build, execute: {run: ['true']}}\n")
    key = place.root / "hub.key"
    key.write_text(hub.key)
    directory = place.directory("home/.config/sdm")
    (directory / "config.yaml").write_text(
        f"hub: {{address: 'http://127.0.0.1:{hub.port}', key: {{file: '{key}'}}, workspaces: [main]}}\n")
    return place.start([place.binary, "start"], place.root, stderr=open(place.root / "daemon.log", "wb"))


def original(place, hub, server, work, report):
    """Times of the original's machine; nothing where it cannot be installed."""
    if not shutil.which("node") or not shutil.which("npm"):
        report.notes.append("goal: the original's machine is NOT MEASURED, it needs node and npm.")
        return None
    home = installed()
    configuration = {
        "apiKey": hub.key, "workspaceIds": ["main"], "token": "a-token",
        "endpoints": {"api": f"http://127.0.0.1:{hub.port}/registration", "graphql": f"http://127.0.0.1:{hub.port}/graphql/team"},
        "sdm": {"rolar": {"url": f"http://127.0.0.1:{hub.port}"}, "dashboard": {"url": f"http://127.0.0.1:{hub.port}"}},
        "http": {"enabled": False}, "statsd": {"enabled": False}, "cluster": {"enabled": False},
        "logging": {"level": "warn", "color": False, "banner": {"enabled": False}}}
    environment = {**place.environment, "ATOMIST_CONFIG": json.dumps(configuration)}
    process = subprocess.Popen(
        ["node", "node_modules/@atomist/automation-client/bin/start.js"], cwd=home, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Sample(machine(place, hub, server, work, process))


def installed():
    cache = Path(os.environ.get("SDM_BENCH_CACHE") or Path.home() / ".cache/sdm-benches") / "original"
    if not (cache / "ready").exists():
        shutil.copytree(PARTS, cache, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"], cwd=cache, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (cache / "ready").touch()
    return cache


def machine(place, hub, server, work, process):
    try:
        return asyncio.run(pushes(place, hub, server, work))
    finally:
        process.terminate()
        process.wait(30)


async def pushes(place, hub, server, work):
    # Until it is connected it hears of nothing.
    while not await push(place, hub, server, work, "first", 5):
        pass
    times = []
    for number in range(WARM_UP + ROUNDS):
        took = await push(place, hub, server, work, number, 60)
        if not took:
            raise TimeoutError(f"no goal of a push is in process\n{place.log()[-2000:]}")
        if number >= WARM_UP:
            times.append(took)
        await asyncio.sleep(1)
    return times


async def push(place, hub, server, work, number, patience):
    """Milliseconds from sending a webhook until a goal is in process; none when that did not happen in time."""
    before, after = commit(place, work, number)
    begun = time.perf_counter()
    await send(hub, server, before, after)
    return (time.perf_counter() - begun) * 1e3 if await shown(hub, after, patience) else None


def commit(place, work, number):
    before = place.git(work, "rev-parse", "HEAD")
    place.change(work, f"{number} {time.time()}", files=5)
    place.git(work, "commit", "--quiet", "-m", f"round {number}")
    place.git(work, "push", "--quiet", "origin", "main")
    return before, place.git(work, "rev-parse", "HEAD")


async def send(hub, server, before, after):
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(hub.request_of(hub.next(), before, after, server.url("acme/app")))
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def shown(hub, sha, patience):
    """Whether a goal of this commit is in process, or has been, in this time."""
    question = json.dumps({"query": f'{{ SdmGoal(sha: "{sha}", _showHistory: true) {{ state }} }}'}).encode()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        answer = json.loads(await ask(hub, "POST", "/graphql/team/main", question))
        if any(goal["state"] in ("in_process", "success") for goal in answer["data"]["SdmGoal"]):
            return True
        await asyncio.sleep(0.003)
    return False


def change_hook(place, work):
    """The same for a Buildbot beside us that is told by its change hook."""
    bare = place.clone(work, "buildbot.git", "--bare")
    bot = Buildbot(place, bare, place.directory("buildbot-marks"))
    (bare / "hooks/post-receive").unlink()
    place.git(work, "remote", "add", "buildbot", str(bare))
    try:
        times = []
        for number in range(WARM_UP + ROUNDS):
            _, after = commit(place, work, f"bot {number}")
            place.git(work, "push", "--quiet", "buildbot", "main")
            fields = {"author": "ada", "revision": after, "comments": "pushed", "branch": "main", "project": "", "repository": str(bare)}
            begun = time.perf_counter()
            urllib.request.urlopen(f"http://127.0.0.1:{bot.web}/change_hook/base", urllib.parse.urlencode(fields).encode(), timeout=20).read()
            place.wait("the build starts", lambda: bot.ask("select count(*) from builds") > number, pause=0.003)
            if number >= WARM_UP:
                times.append((time.perf_counter() - begun) * 1e3)
            bot.rest(number + 1)
        return times
    finally:
        bot.stop()
