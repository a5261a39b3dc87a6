"""Sixteen processes build and pull on one store at once, beside them prune in a loop; then again with one of them killed
every tenth of a second. All that live succeed with the right digest, what is downloaded is downloaded once, two builds
that want the same step run it once, and the store is whole."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading

from faults import (ENVIRONMENT, IMGB, Broken, Registry, build_work, expect_nothing_left, expect_whole, pull_work, run,
                    temp_folder)

PROCESSES = 16
LIMIT_SECONDS = 120


def start(root, words):
    return subprocess.Popen([IMGB, "--root", root, *map(str, words)], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def expect(process, want, what):
    out, err = process.communicate(timeout=LIMIT_SECONDS)
    if process.returncode != 0 or out.strip() != want:
        raise Broken(f"{what} exits with {process.returncode}, says {out.strip()!r}, not {want!r}: {err[-1500:]}")


class Pruner:
    def __init__(self, root, *flags):
        self.root, self.flags, self.stop, self.failed, self.rounds = root, flags, threading.Event(), None, 0
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def loop(self):
        while not self.stop.is_set() and not self.failed:
            try:
                run(self.root, "prune", *self.flags)
                self.rounds += 1
            except Broken as broken:
                self.failed = broken

    def end(self):
        self.stop.set()
        self.thread.join()
        if self.failed:
            raise self.failed
        if not self.rounds:
            raise Broken("prune never ran: the test tests nothing")


def all_at_once(build, pull, with_prune):
    root = build.fresh(f"many-{with_prune}")
    pull.registry.requests.clear()
    pruner = Pruner(root, "--cache") if with_prune else None
    works = [(build if number % 2 else pull) for number in range(PROCESSES)]
    started = [(work, start(root, work.words)) for work in works]
    for work, process in started:
        expect(process, work.want, work.name)
    if pruner:
        pruner.end()
    else:
        blobs = [path for method, path in pull.registry.requests if method == "GET" and "/blobs/" in path]
        if len(blobs) != len(set(blobs)):
            raise Broken(f"a blob was downloaded more than once: {sorted(blobs)}")
    expect_whole(root)
    expect_nothing_left(root)
    print(f"{PROCESSES} at once{', prune beside them' if with_prune else ''}: right digests")


def with_killing(build, pull, rounds):
    root = build.fresh("killing")
    chance = random.Random(20260101)
    running = []
    for number in range(rounds):
        while len(running) < PROCESSES:
            work = chance.choice((build, pull))
            running.append((work, start(root, work.words)))
        victim = running.pop(chance.randrange(len(running)))[1]
        try:
            victim.wait(0.1)
        except subprocess.TimeoutExpired:
            victim.send_signal(signal.SIGKILL)
        victim.communicate()
        ended = [one for one in running if one[1].poll() is not None]
        for work, process in ended:
            expect(process, work.want, f"{work.name} beside killed ones")
        running = [one for one in running if one not in ended]
    for work, process in running:
        expect(process, work.want, f"{work.name} beside killed ones")
    expect_whole(root)
    for work in (build, pull):
        work.expect_result(root)
    expect_nothing_left(root)
    print(f"{rounds} killed among {PROCESSES}: the others have the right digests")


def same_step_twice(build):
    """Two processes want one step that neither has: one runs it and the other takes its result, so that both have the
    same image although the step writes the time. When the first dies, the second runs it."""
    context = build.folder / "same-context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM base:1\nRUN sleep 1; cat /proc/uptime >/when\n")
    words = ("build", "--network", "none", "-q", context)
    root = build.fresh("same")
    both = [start(root, words) for _ in range(2)]
    said = [process.communicate(timeout=LIMIT_SECONDS) for process in both]
    if said[0][0] != said[1][0] or not said[0][0].startswith("sha256:"):
        raise Broken(f"two builds of the same step: {said}")
    root = build.fresh("same-killed")
    first = start(root, words)
    try:
        first.wait(0.6)
    except subprocess.TimeoutExpired:
        second = start(root, words)
        try:
            first.wait(0.2)
        except subprocess.TimeoutExpired:
            first.kill()
        first.communicate()
        out, err = second.communicate(timeout=LIMIT_SECONDS)
        if second.returncode != 0:
            raise Broken(f"the build that is left: {err}")
        expect_nothing_left(root)
    print("the same step twice: run once")


def main():
    rounds = int(os.environ.get("IMGB_FAULT_ROUNDS", "60"))
    with temp_folder() as one, temp_folder() as two:
        build, pull = build_work(pathlib.Path(one)), pull_work(pathlib.Path(two))
        all_at_once(build, pull, with_prune=False)
        all_at_once(build, pull, with_prune=True)
        with_killing(build, pull, rounds)
        same_step_twice(build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
