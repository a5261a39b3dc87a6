"""Wall clocks that are ten years off, at the epoch, before it, and that jump while a build runs: the same digests, what
changed is seen and what did not is cached, and nothing that is new is taken for old."""
import os
import pathlib
import sys
import time

from faults import Broken, build_work, expect_nothing_left, expect_whole, pull_work, run, temp_folder

YEAR = 365 * 24 * 3600
NOW = int(time.time())
CLOCKS = {"ten years ago": f"{-10 * YEAR}", "in ten years": f"{10 * YEAR}", "at the epoch": f"{-NOW}",
          "before the epoch": f"{-NOW - 40 * YEAR}", "jumps": f"0 {YEAR} {-YEAR} 3600 -3600 {-20 * YEAR}"}
LIBRARY = os.environ["OTHER_CLOCK"]


def clock(offsets):
    return {"LD_PRELOAD": LIBRARY, "IMGB_CLOCK": offsets}


def expect(got, want, what):
    if got != want:
        raise Broken(f"{what}: {got!r}, not {want!r}")


def result(work, root, offsets):
    return run(root, *work.words, env=clock(offsets)).stdout.strip()


def progress_of(root, context, offsets):
    words = ("build", "--network", "none", "--progress", "plain", context)
    return run(root, *words, env=clock(offsets)).stderr


def other_clock(build, pull, name, offsets):
    root = build.fresh(name.replace(" ", "-"))
    expect(result(build, root, offsets), build.want, "a build")
    expect(result(build, root, offsets), build.want, "the same again")
    for now in ("0", offsets):
        cached = progress_of(root, build.words[-1], now).count("CACHED")
        expect(cached, 4, f"cached steps, clock {now}")
    # A file of another content and the same size is not taken for the one before.
    file = build.words[-1] / "f"
    before = file.read_bytes()
    try:
        file.write_bytes(b"g" * len(before))
        if result(build, root, offsets) == build.want:
            raise Broken("a changed file is not seen")
    finally:
        file.write_bytes(before)
    expect(result(build, root, "0"), build.want, "the old file again, by the right clock")
    expect(result(pull, root, offsets), pull.want, "a pull")
    # What is new is not old: prune by that clock keeps what was used just now.
    run(root, "prune", "--filter", "until=24h", env=clock(offsets))
    run(root, "run", "-d", "--network", "none", "--name", "box", "result:1", "sleep", "86399", env=clock(offsets))
    run(root, "ps", env=clock(offsets))
    run(root, "ps", "-a")
    run(root, "logs", "--since", "1h", "box", env=clock(offsets))
    run(root, "images", env=clock(offsets))
    run(root, "stop", "-t", "1", "box", env=clock(offsets))
    run(root, "rm", "box")
    expect(result(build, root, "0"), build.want, "a build by the right clock")
    expect_whole(root)
    expect_nothing_left(root)
    print(f"{name}: the same")


def main():
    with temp_folder() as one, temp_folder() as two:
        build, pull = build_work(pathlib.Path(one)), pull_work(pathlib.Path(two))
        for name, offsets in CLOCKS.items():
            try:
                other_clock(build, pull, name, offsets)
            except Broken as broken:
                raise Broken(f"a clock {name}: {broken}") from broken
    return 0


if __name__ == "__main__":
    sys.exit(main())
