"""The workloads: each yields rows of one timed step per side, with what must be done before it, untimed."""
import dataclasses
import os
import random
import shutil
import typing
import uuid

import lab
import memory


@dataclasses.dataclass
class Step:
    run: typing.Callable
    prepare: typing.Callable = None


@dataclasses.dataclass
class Row:
    label: str
    asked: str
    sides: dict
    runs: int = 0
    note: typing.Callable = None
    check: typing.Callable = None  # afterwards: fails the bench when the row did not measure what it says


def both(ours, theirs, make):
    """One step per builder that is there."""
    sides = {"imgb": make(ours)}
    if theirs:
        sides["docker"] = make(theirs)
    return sides


def context(folder, name, dockerfile, files=None):
    path = os.path.join(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    for file, content in {"Dockerfile": dockerfile, **(files or {})}.items():
        with open(os.path.join(path, file), "w", encoding="utf-8") as out:
            out.write(content)
    return path


def text_block(chance):
    """Two megabytes that gzip -1 makes a quarter of, as it does of an npm tree: words and phrases, few of them frequent."""
    words = [bytes(chance.choice(b"abcdefghijklmnopqrstuvwxyz_") for _ in range(chance.randint(2, 12))) for _ in range(2048)]
    marks = [b" ", b".", b"(", b") {\n  ", b";\n", b" = ", b", "]

    def some(things, rank_of_half, count):
        return chance.choices(things, [1 / (rank + rank_of_half) for rank in range(len(things))], k=count)

    phrases = [b"".join(word + chance.choice(marks) for word in some(words, 10, chance.randint(5, 16))) for _ in range(1500)]
    return b"".join(some(phrases, 6, 20_000))


def make_tree(path, files, total_bytes, seed=1):
    """A node_modules-like tree: many small text files, some large, three levels of folders."""
    chance = random.Random(seed)
    block = text_block(chance)
    mean = total_bytes // files
    for number in range(files):
        folder = os.path.join(path, f"package-{number // 40:04d}", f"lib{number // 10 % 4}")
        if number % 10 == 0:
            os.makedirs(folder, exist_ok=True)
        size = min(int(chance.expovariate(1 / mean)) + 1, len(block) - 1)
        start = chance.randrange(len(block) - size)
        with open(os.path.join(folder, f"file-{number % 10}.js"), "wb") as out:
            out.write(b"// %d\n" % number + block[start:start + size])


def prepared_base(ours, theirs):
    ours("pull", "busybox:bench")
    if theirs:
        theirs.pull_base()


def cached(folder, ours, theirs):
    prepared_base(ours, theirs)
    app = context(folder, "cached", "FROM busybox:bench\nWORKDIR /app\nCOPY requirements.txt .\nRUN cat requirements.txt\n"
                  'COPY app.py .\nCMD ["python", "app.py"]\n', {"requirements.txt": "flask\n", "app.py": "print('hello')\n"})
    for side in filter(None, (ours, theirs)):
        side.build(app)
    yield Row("six instructions, fully cached", "20x", both(ours, theirs, lambda side: Step(lambda: side.build(app))), runs=15)


def steps(folder, ours, theirs):
    prepared_base(ours, theirs)
    app = context(folder, "steps", "FROM busybox:bench\n" + "".join(f"RUN echo {n} > /tmp/{n}\n" for n in range(50)))
    yield Row("50 small RUN steps, no cache", "8x", both(ours, theirs, lambda side: Step(lambda: side.build(app, "--no-cache"))))


def copy(folder, ours, theirs):
    app = context(folder, "copy", "FROM scratch\nCOPY . /app\n")
    make_tree(os.path.join(app, "node_modules"), 29_000, 530_000_000)
    yield Row("COPY of 29,000 files, no cache", "5x", both(ours, theirs, lambda side: Step(lambda: side.build(app, "--no-cache"))))
    for side in filter(None, (ours, theirs)):
        side.build(app)
    yield Row("the same, unchanged", "8x", both(ours, theirs, lambda side: Step(lambda: side.build(app))))

    def change_one():
        # A content that no earlier bench on this machine had: Docker's cache outlives the run.
        with open(os.path.join(app, "node_modules", "package-0003", "lib1", "file-1.js"), "w", encoding="utf-8") as out:
            out.write(f"changed {uuid.uuid4()}\n")

    yield Row("the same, one file changed", "5x", both(ours, theirs, lambda side: Step(lambda: side.build(app), change_one)))

    prepared_base(ours, theirs)
    with open(os.path.join(app, "Dockerfile"), "w", encoding="utf-8") as out:
        out.write("FROM busybox:bench\nCOPY . /app\nRUN true\n")
    yield Row("the same, then RUN, no cache", "-", both(ours, theirs, lambda side: Step(lambda: side.build(app, "--no-cache"))))


def pull(folder, ours, theirs):
    app = context(folder, "pull", "FROM busybox:bench\nCOPY . /app\n")
    make_tree(os.path.join(app, "node_modules"), 29_000, 530_000_000)
    prepared_base(ours, theirs)
    ours("build", "-t", "big:bench", app)
    ours.publish("big:bench", "library/big:bench")
    name = f"{ours.registry.address}/library/big:bench"

    def ours_run():
        ours("pull", "big:bench")
        ours("run", "--rm", "--network", "none", "big:bench", "true")

    def theirs_run():
        theirs("pull", "-q", name)
        theirs("run", "--rm", "--network", "none", name, "true")

    def theirs_wipe():
        theirs("image", "prune", "-f")
        theirs("rmi", "-f", name, "busybox:bench", f"{ours.registry.address}/library/busybox:bench", "bench:docker")
        theirs("builder", "prune", "-af")

    sides = {"imgb": Step(ours_run, ours.wipe)}
    if theirs:
        sides["docker"] = Step(theirs_run, theirs_wipe)
    yield Row("pull of 530 MB, then `true` in it", "5x", sides)

    small = context(folder, "onto", f"FROM {name}\nCOPY file /app/file\n", {"file": "content\n"})
    ours.wipe()
    ours("pull", "--unpack=false", name)
    if theirs:
        theirs("pull", "-q", name)
    yield Row("COPY of one file onto 530 MB", "20x", both(ours, theirs, lambda side: Step(lambda: side.build(small, "--no-cache"))),
              note=lambda: "nothing unpacked", check=lambda: nothing_unpacked(ours))


def nothing_unpacked(ours):
    """Also not by the pull: the row is about an image of which only the blobs are there."""
    folder = os.path.join(ours.root, "snapshots")
    found = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    if unpacked := [name for name in found if not name.startswith("lock-")]:
        raise SystemExit(f"bench: nothing was to be unpacked, but {folder} holds {', '.join(unpacked)}")


def run(folder, ours, theirs):
    prepared_base(ours, theirs)
    app = context(folder, "run", "FROM busybox:bench\n"
                  "RUN mkdir /d && cd /d && i=0 && while [ $i -lt 50000 ]; do echo $i > $i; i=$((i+1)); done\n"
                  "RUN cd /d && i=0 && while [ $i -lt 50000 ]; do echo $i; i=$((i+2)); done | xargs rm\n")
    yield Row("RUN 50,000 files, RUN rm of half", "4x", both(ours, theirs, lambda side: Step(lambda: side.build(app, "--no-cache"))))


def stages(folder, ours, theirs):
    prepared_base(ours, theirs)
    text = "".join(f"FROM busybox:bench AS s{n}\nRUN sleep 1; echo {n} > /out{n}\n" for n in range(4))
    text += "FROM scratch\n" + "".join(f"COPY --from=s{n} /out{n} /\n" for n in range(4))
    app = context(folder, "stages", text)
    yield Row("four stages of RUN sleep 1", "<1.3s", both(ours, theirs, lambda side: Step(lambda: side.build(app, "--no-cache"))))


def scale(folder, ours, theirs):
    del theirs
    for files in (1_000, 10_000, 100_000):
        app = context(folder, f"scale-{files}", "FROM scratch\nCOPY . /app\n")
        make_tree(os.path.join(app, "tree"), files, files * 2_000)
        peak = memory.Peak()
        yield Row(f"COPY of {files:,} files", "256 MiB",
                  {"imgb": Step(lambda a=app, p=peak: p.watch(lambda: ours.build(a, "--no-cache")))}, runs=1,
                  note=lambda p=peak: f"peak {p.bytes / 2**20:.0f} MiB in all processes")
        shutil.rmtree(app)


class EmptyRegistry:
    """One that nothing was pushed to: made anew before each run."""

    def __init__(self, folder):
        self.folder, self.number, self.registry = folder, 0, None

    def renew(self):
        self.stop()
        self.number += 1
        self.registry = lab.Registry(os.path.join(self.folder, f"empty-{self.number}"))
        self.registry.__enter__()

    def stop(self):
        if self.registry:
            self.registry.__exit__()
            shutil.rmtree(self.registry.folder)
            self.registry = None

    def name(self):
        return f"{self.registry.address}/bench/big:1"


def push(folder, ours, theirs):
    app = context(folder, "push", "FROM scratch\nCOPY . /app\n")
    make_tree(os.path.join(app, "node_modules"), 29_000, 530_000_000)
    empty = EmptyRegistry(folder)

    def from_nothing(side):
        def prepare():
            empty.renew()
            if side is ours:
                ours.wipe()
            else:
                theirs("builder", "prune", "-af")

        def run_ours():
            ours("build", "--push", "-t", empty.name(), app)

        def run_theirs():
            theirs("build", "--provenance=false", "-t", empty.name(), app)
            theirs("push", "-q", empty.name())

        return Step(run_ours if side is ours else run_theirs, prepare)

    yield Row("530 MB built and pushed", "8x", both(ours, theirs, from_nothing))

    ours("build", "-t", "big:bench", app)
    if theirs:
        theirs("build", "--provenance=false", "-t", "big:bench", app)

    def stored(side):
        def run_ours():
            ours("push", "big:bench", empty.name())

        def run_theirs():
            theirs("tag", "big:bench", empty.name())
            theirs("push", "-q", empty.name())

        return Step(run_ours if side is ours else run_theirs, empty.renew)

    yield Row("push of 530 MB that is stored", "8x", both(ours, theirs, stored))
    empty.stop()


ALL = {"cached": cached, "steps": steps, "copy": copy, "pull": pull, "run": run, "stages": stages, "scale": scale, "push": push}
