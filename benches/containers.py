"""What a goal in a container costs beside the engine's own command: one container that does nothing, made, run, removed."""

import json
import shutil
import signal
import subprocess
import uuid

from notices import now
from place import Place
from table import Row, Sample

ROUNDS = 12
IMAGE = "localhost/sdm-bench"
CONFIGURATION = """[containers]
default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
"""
IMAGE_FILE = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox","--install","-s","/bin"]
ENV PATH=/bin
"""


def measure(binary, report):
    for program in ("podman", "runc", "busybox"):
        if not shutil.which(program):
            report.notes.append(f"containers: NOT MEASURED, {program} is not installed")
            return
    with Place(binary) as place:
        podman = prepare(place)
        socket = place.root / "podman.sock"
        service = place.start([*podman, "system", "service", "--time=0", f"unix://{socket}"], place.root)
        try:
            place.wait("podman listens", socket.exists)
            ours, theirs, alone, theirs_alone = [], [], [], []
            # Alternately, so that both see the same computer; the first of each only warms it up.
            for _ in range(ROUNDS + 1):
                ours.append(drive(place, socket, "open"))
                theirs.append(run(place, [*podman, "run", "--rm", IMAGE, "true"]))
                alone.append(drive(place, socket, "closed"))
                theirs_alone.append(run(place, [*podman, "run", "--rm", "--network=none", IMAGE, "true"]))
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(20)
    report.rows += [
        Row("container goal: made, run, gone, a network of its own", Sample(ours[1:]), "podman run --rm", Sample(theirs[1:])),
        Row("container goal without a network", Sample(alone[1:]), "podman run --network=none", Sample(theirs_alone[1:])),
    ]


def prepare(place):
    """A store of its own with one image in it; the words that begin every podman command."""
    store = place.directory("podman")
    (store / "containers.conf").write_text(CONFIGURATION)
    place.environment["CONTAINERS_CONF"] = str(store / "containers.conf")
    image = place.directory("image")
    (image / "Containerfile").write_text(IMAGE_FILE)
    shutil.copy(shutil.which("busybox"), image / "busybox")
    place.directory("podman/net")
    flags = [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp"), ("--network-config-dir", "net")]
    podman = ["podman", *(word for flag, name in flags for word in (flag, store / name))]
    place.run([*podman, "build", "--quiet", "--tag", IMAGE, image], place.root)
    return podman


def drive(place, socket, network):
    """Our driver, as the step of a goal."""
    project, exchange = place.directory("project"), place.directory("exchange/input").parent
    place.directory("exchange/output")
    name = str(uuid.uuid4())
    order = place.root / "order.json"
    attempt = {"goal_set": name, "goal": {"unique_name": "bench", "environment": "0-code"}, "attempt": 1, "epoch": 1}
    container = {
        "name": "main", "image": IMAGE, "command": [], "args": ["true"], "has_foreign_arguments": False, "environment": [],
        "ports": [], "mounts": [], "files": [], "working_directory": None, "user": None, "pull": "missing",
        "limits": {"memory": None, "millicpus": None, "pids": None}, "privileged": False, "capabilities": [],
    }
    belonging = {"owner": "bench", "mark": str(place.root / "mark"), "attempt": attempt, "name": f"sdm-{name}", "shown": []}
    seconds = {"secs": 10, "nanos": 0}
    order.write_text(json.dumps({
        "engines": [str(socket)], "belonging": belonging, "init_containers": [], "containers": [container], "volumes": [],
        "network": network, "grace": seconds, "patience": seconds, "notes": [],
    }))
    contract = {"PROJECT": project, "INPUT": exchange / "input", "OUTPUT": exchange / "output"}
    variables = {f"ATOMIST_{key}_DIR": str(path) for key, path in contract.items()}
    return run(place, [place.binary, "own", "containers", order], variables)


def run(place, command, variables=None):
    begun = now()
    done = subprocess.run([str(word) for word in command], cwd=place.root, env={**place.environment, **(variables or {})},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    took = now() - begun
    if done.returncode != 0:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return took
