"""Keeping and restoring files between goals, by the steps that a supervisor starts, beside tar with the same compression."""

import json
import os
import random
import shutil

from notices import now
from place import Place
from table import Row, Sample

FILES, ROUNDS = 4_000, 7
TAR = "tar, zstd -1"


def measure(binary, report):
    if not shutil.which("zstd"):
        report.notes.append("archives: NOT MEASURED, `zstd` is not installed")
        return
    with Place(binary) as place:
        source = place.directory("source")
        fill(os.path.join(source, "tree"))
        kept, restored, packed, unpacked = [], [], [], []
        for number in range(ROUNDS):
            room = place.directory(f"room{number}")
            kept.append(timed(place, [binary, "own", "keep-files", keep_order(source, room)], source))
            packed.append(timed(place, ["tar", "-I", "zstd -1", "-cf", f"{room}/tar", "tree"], source))
            ours, theirs = place.directory(f"ours{number}"), place.directory(f"theirs{number}")
            restored.append(timed(place, [binary, "own", "restore-files", restore_order(ours, room)], ours))
            unpacked.append(timed(place, ["tar", "-I", "zstd", "-xf", f"{room}/tar"], theirs))
            if number == 0:
                sizes = [os.path.getsize(f"{room}/{name}") // 1000 for name in ("archive", "tar")]
            for path in (room, ours, theirs):
                shutil.rmtree(path)
    report.rows += [
        Row(f"keep {FILES:,} files, 120 MB", Sample(kept), TAR, Sample(packed)),
        Row("  restore them, digest checked", Sample(restored), TAR, Sample(unpacked)),
    ]
    report.notes.append(f"archives: ours has {sizes[0]:,} kB, tar's {sizes[1]:,} kB; tar checks no digest.")


def fill(root):
    """Files as a build has them: some text, some that hardly compresses."""
    chance = random.Random(1)
    text = b"".join(b"line %d of something that repeats itself now and then\n" % chance.randrange(500) for _ in range(400))
    for number in range(FILES):
        directory = os.path.join(root, f"d{number % 40}")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"f{number}"), "wb") as file:
            file.write(text + chance.randbytes(8_000))


LIMITS = {"bytes": 1 << 40, "entries": 1_000_000}


def order(path, content):
    with open(path, "w") as file:
        json.dump({"home": None, "limits": LIMITS, "report": f"{path}.report", **content}, file, default=str)
    return path


def keep_order(project, room):
    archive = {"what": "tree", "paths": ["tree"], "times": True, "file": f"{room}/archive"}
    return order(f"{room}/keep", {"project": project, "archives": [archive]})


def restore_order(project, room):
    with open(f"{room}/keep.report") as report:
        digest = json.load(report)["archives"][0]["digest"]
    archive = {"file": f"{room}/archive", "digest": digest, "from": "here"}
    wanted = {"what": "tree", "archive": archive, "required": True, "on_miss": []}
    return order(f"{room}/restore", {"project": project, "archives": [wanted]})


def timed(place, command, directory):
    begun = now()
    place.run(command, directory)
    return now() - begun
