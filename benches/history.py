"""What a hub that remembers a million events takes for what is asked all the time, beside one that remembers few; in SQLite, and in
Postgres where it is there."""

import asyncio
import io
import json
import sqlite3
import subprocess
import time

from hub import Hub, REPOSITORIES, commit_id
from machines import ask, connect, frame, masked
from place import Place
from postgres import USER, Postgres
from table import Row, Sample

EVENTS, FEW, ROUNDS = 1_000_000, 3_000, 40

QUESTIONS = {
    "the last pushes of a branch, with commits and goals":
        '{ Push(branch: "main", _first: 10) { id branch after { sha author { login } } repo { name } goals { uniqueName state } } }',
    "a commit by its id, with its pushes": '{ Commit(sha: "%s") { sha message pushes { branch } } }' % commit_id(700),
    "the last goals in a state": '{ SdmGoal(state: ["requested"], _first: 10) { uniqueName state push { branch } } }',
    "goals of a goal set": '{ SdmGoal(goalSetId: ["set-700"]) { uniqueName state version } }',
    "pages of pushes in the order of their moments":
        '{ one: Push(orderBy: timestamp_asc, first: 10) { id } two: Push(orderBy: timestamp_asc, first: 10, offset: 500) { id } }',
}

# What no index answers takes its time, and is right.
UNINDEXED = {
    "the only commit of a message": '{ Commit(message: "The change 700") { sha } }',
    "the pushes with the largest ids": '{ Push(orderBy: id_desc, first: 10) { id } }',
}

TABLES = {"node": 8, "node_key": 4, "node_value": 6, "node_link": 5}


def measure(binary, report):
    few, many = side(binary, FEW), side(binary, EVENTS)
    for what, sample in many.items():
        report.rows.append(Row(f"hub with {EVENTS:,} events: {what}", sample, f"with {FEW:,}", few[what]))
    report.notes.append("history: a third each pushes, commits and goals of 20 repositories, put into the database beside the hub.")
    if not Postgres.program("initdb"):
        report.notes.append("history: Postgres is not installed, so nothing is said of it.")
        return
    few, many = side_on_postgres(binary, FEW), side_on_postgres(binary, EVENTS)
    for what, sample in many.items():
        report.rows.append(Row(f"hub on Postgres with {EVENTS:,} events: {what}", sample, f"with {FEW:,}", few[what]))


def side(binary, events):
    with Place(binary) as place:
        Hub(place).stop()
        fill_file(place.root / "state/hub.db", events // 3)
        return answers(place, [], events)


def side_on_postgres(binary, events):
    with Place(binary) as place, Postgres() as postgres:
        database = ["--database", postgres.url]
        Hub(place, *database).stop()
        fill_postgres(postgres, events // 3)
        return answers(place, database, events)


def answers(place, database, events):
    hub = Hub(place, *database)
    hub.key = place.run([place.binary, "hub", "key", "new", "bench", "--workspace", "main", *database], place.root).strip()
    try:
        return asyncio.run(times(hub, events))
    finally:
        hub.stop()


async def times(hub, events):
    found = {}
    for what, question in {**QUESTIONS, **UNINDEXED}.items():
        found[what] = Sample([await answered(hub, question) for _ in range(ROUNDS)])
    machine = await connect(hub, "everything", asyncio.Semaphore(1), 'subscription OnPush { Push { id branch repo { name channels { name } } '
                            'after { sha author { login } } commits { sha } goals { uniqueName } } }')
    hub.number = events
    found["webhook sent → its machine has it"] = Sample([await delivered(hub, machine) for _ in range(ROUNDS)])
    return found


async def answered(hub, question):
    begun = time.perf_counter()
    answer = json.loads(await ask(hub, "POST", "/graphql/team/main", json.dumps({"query": question}).encode()))
    took = (time.perf_counter() - begun) * 1e3
    if not all(answer["data"].values()):
        raise RuntimeError(f"nothing is found by {question}: {answer}")
    return took


async def delivered(hub, machine):
    reader, writer = machine
    _, push = await asyncio.open_connection("127.0.0.1", hub.port)
    begun = time.perf_counter()
    push.write(hub.request(hub.next()))
    while "data" not in (event := json.loads(await frame(reader))):
        pass
    took = (time.perf_counter() - begun) * 1e3
    push.close()
    extensions = event["extensions"]
    writer.write(masked(json.dumps({
        "api_version": "1", "correlation_id": extensions["correlation_id"], "team": {"id": "main"},
        "event": extensions["operationName"], "status": {"code": 0, "reason": "done"}}).encode()))
    return took


def fill_file(file, count):
    """So many pushes, each with its commit and a goal, as the hub itself would have kept them."""
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    for waiting in rows(count):
        for table, width in TABLES.items():
            connection.executemany(f"INSERT INTO hub_{table} VALUES ({','.join('?' * width)})", waiting[table])
    connection.execute("INSERT INTO hub_workspace VALUES ('main', ?) ON CONFLICT DO UPDATE SET changes = excluded.changes", (count + 2,))
    connection.commit()
    connection.close()


def fill_postgres(postgres, count):
    """The same in Postgres."""
    columns = {"node_value": "(workspace, kind, field, value, id, changed)"}
    for waiting in rows(count):
        for table in TABLES:
            text = io.StringIO()
            for row in waiting[table]:
                text.write("\t".join(str(cell).replace("\\", "\\\\") for cell in row) + "\n")
            copy = f"COPY hub_{table} {columns.get(table, '')} FROM STDIN"
            command = [Postgres.program("psql"), "-X", "-q", "-h", str(postgres.root), "-U", USER, "-c", copy]
            subprocess.run(command, check=True, input=text.getvalue(), text=True, stdout=subprocess.DEVNULL)
    postgres.ask(f"INSERT INTO hub_workspace VALUES ('main', {count + 2}) ON CONFLICT (id) DO UPDATE SET changes = excluded.changes")
    postgres.ask("ANALYZE")


def rows(count):
    """Rows of the tables, some thousands at a time."""
    waiting = {table: [] for table in TABLES}

    def node(kind, keys, body, links, position):
        # Without spaces, as the hub writes it.
        texts = [json.dumps(part, separators=(",", ":")) for part in (keys, {**body, "id": keys[0]}, links)]
        waiting["node"].append(("main", kind, keys[0], *texts, position, position))
        waiting["node_key"].extend(("main", kind, key, keys[0]) for key in keys[1:])

    def values(kind, id_, position, **pairs):
        waiting["node_value"].extend(
            ("main", kind, field, value, id_, position if field in ("branch", "state") else 0) for field, value in pairs.items())

    for number in range(1, REPOSITORIES + 1):
        id_, name = f"github.com/{number}", f"app{number - 1}"
        node("Repo", [id_, f"github.com/acme/{name}"], {"owner": "acme", "name": name, "defaultBranch": "main"}, {}, number)
        values("Repo", id_, number, owner="acme", name=name)
    for number in range(count):
        position, sha = (number + 1) << 20, commit_id(number)
        id_, by_name = f"github.com/{number % REPOSITORIES + 1}", f"github.com/acme/app{number % REPOSITORIES}"
        commit, push, goal = f"{id_}@{sha}", f"{id_}#main@{commit_id(number - REPOSITORIES)}..{sha}", f"set-{number}/0-code/build"
        state = "requested" if number % 50 == 0 else "success"
        message = "The change 700" if number == 700 else "A change " * 8
        node("Commit", [commit, f"{by_name}@{sha}"], {"sha": sha, "message": message}, {"repo": [id_]}, position)
        values("Commit", commit, position, sha=sha)
        moment = f"20{20 + number // 100_000:02}-01-01T{number % 100_000:06}Z"
        node("Push", [push, f"{by_name}#main@{sha}"], {"branch": "main", "timestamp": moment},
             {"repo": [id_], "after": [commit], "commits": [commit]}, position + 1)
        values("Push", push, position + 1, branch="main")
        waiting["node_link"].append(("main", "Push", "after", commit, push))
        body = {"goalSetId": f"set-{number}", "uniqueName": "build", "name": "build", "environment": "0-code", "state": state,
                "branch": "main", "sha": sha, "version": 3}
        node("SdmGoal", [goal], body, {"push": [f"{by_name}#main@{sha}"]}, position + 2)
        values("SdmGoal", goal, position + 2, goalSetId=f"set-{number}", uniqueName="build", name="build", environment="0-code",
               state=state, branch="main", sha=sha)
        waiting["node_link"].append(("main", "SdmGoal", "push", f"{by_name}#main@{sha}", goal))
        if number % 20_000 == 0:
            yield waiting
            waiting.update({table: [] for table in TABLES})
    yield waiting
