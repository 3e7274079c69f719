"""Many machines connected to one hub: its memory, how long one event takes to the one machine that wants it, and how soon all
of them are back after a restart."""

import asyncio
import base64
import json
import os
import re
import resource
import struct
import time

from buildbot import resident
from hub import Hub
from place import Place
from table import Row, Sample

MACHINES, AT_ONCE, EVENTS = int(os.environ.get("SDM_BENCH_MACHINES", "10000")), 100, 50


def measure(binary, report):
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (room, room))
    if room < MACHINES + 500:
        raise RuntimeError(f"a process may have only {room} files open here, for {MACHINES} connections")
    with Place(binary) as place:
        hub = Hub(place)
        try:
            time.sleep(3)
            idle = resident(hub.process.pid)
            first, memory, times = asyncio.run(crowd(hub))
            hub.restart()
            again, memory_again, _ = asyncio.run(crowd(hub))
        finally:
            hub.stop()
    report.rows += [
        Row("hub: memory (VmRSS) when idle", Sample([idle], "MB"), target=40),
        Row(f"hub: memory with {MACHINES:,} connected machines", Sample([memory, memory_again], "MB"), target=500),
        Row(f"hub: webhook sent → the one of {MACHINES:,} machines that wants it has it", Sample(times, "ms")),
        Row(f"hub: {MACHINES:,} machines register and connect, the first time", Sample([first], "s")),
        Row("hub: the same after a restart of the hub", Sample([again], "s")),
    ]
    report.notes.append(
        f"machines: {AT_ONCE} at a time; each subscribes to pushes of a branch of its own; all of them are this one script, on the "
        "same cores.")


async def crowd(hub):
    """Connects all; how long it took, the hub's memory, and times of deliveries."""
    begun, gate = time.perf_counter(), asyncio.Semaphore(AT_ONCE)
    machines = await asyncio.gather(*[Machine.come(hub, number, gate) for number in range(MACHINES)])
    took = time.perf_counter() - begun
    times = [await deliver(hub, machines, number) for number in range(EVENTS)]
    await asyncio.sleep(12)  # a ping to each
    memory = resident(hub.process.pid)
    for machine in machines:
        machine.leave()
    return took, memory, times


class Machine:
    """One that is connected: it answers the hub's pings all the time, and keeps the events that come."""

    def __init__(self, reader, writer):
        self.writer, self.events = writer, asyncio.Queue()
        self.hearing = asyncio.create_task(self.hear(reader))

    @classmethod
    async def come(cls, hub, number, gate):
        return cls(*await connect(hub, number, gate))

    async def hear(self, reader):
        try:
            while True:
                message = json.loads(await frame(reader))
                if "ping" in message:
                    self.say({"pong": message["ping"]})
                elif "data" in message:
                    self.events.put_nowait(message)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.events.put_nowait(error)

    async def event(self):
        event = await self.events.get()
        if isinstance(event, Exception):
            raise RuntimeError("the hub has ended the conversation") from event
        return event

    def say(self, message):
        self.writer.write(masked(json.dumps(message).encode()))

    def leave(self):
        self.hearing.cancel()
        self.writer.close()


async def connect(hub, number, gate, subscription=None):
    async with gate:
        subscription = subscription or f'subscription OnPush {{ Push(branch: "own-{number}") {{ id branch after {{ sha }} }} }}'
        ticket = json.loads(await ask(hub, "POST", "/registration", json.dumps({
            "api_version": "1", "name": f"machine-{number}", "version": "1.0.0", "policy": {"name": "durable"},
            "team_ids": ["main"], "commands": [], "ingesters": [], "metadata": {"labels": {}},
            "events": [{"subscription": subscription, "secrets": []}]}).encode()))
        path = re.match(r"ws://[^/]+(/.*)", ticket["url"])[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=4_096)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((f"GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"the hub answered {head!r}")
        return reader, writer


async def ask(hub, method, path, body, headers=""):
    for _ in range(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        writer.write((f"{method} {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer {hub.key}\r\n"
                      f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n").encode() + body)
        answer = await reader.read()
        writer.close()
        if answer.startswith(b"HTTP/1.1 200"):
            return answer.split(b"\r\n\r\n", 1)[1]
        if not answer.startswith(b"HTTP/1.1 503"):
            raise RuntimeError(f"the hub answered {answer[:500]!r}")
        await asyncio.sleep(0.5)
    raise RuntimeError("the hub was busy all the time")


async def deliver(hub, machines, number):
    """From sending a webhook until its machine has it, in milliseconds."""
    which = number * (len(machines) // EVENTS)
    _, push = await asyncio.open_connection("127.0.0.1", hub.port)
    begun = time.perf_counter()
    push.write(hub.request(hub.next(), branch=f"own-{which}"))
    event = await machines[which].event()
    took = (time.perf_counter() - begun) * 1e3
    push.close()
    extensions = event["extensions"]
    answer = {"api_version": "1", "correlation_id": extensions["correlation_id"], "team": {"id": extensions["team_id"]},
              "event": extensions["operationName"], "status": {"code": 0, "reason": "done"}}
    machines[which].say(answer)
    return took


async def frame(reader):
    """The next text frame of the hub."""
    while True:
        first, length = await reader.readexactly(2)
        if length == 126:
            length = struct.unpack(">H", await reader.readexactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", await reader.readexactly(8))[0]
        data = await reader.readexactly(length)
        if first & 15 == 1:
            return data


def masked(data):
    head = struct.pack(">BBH", 0x81, 0x80 | 126, len(data)) if len(data) > 125 else struct.pack(">BB", 0x81, 0x80 | len(data))
    return head + b"\0\0\0\0" + data
