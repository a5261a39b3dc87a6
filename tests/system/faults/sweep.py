"""A fault at each call of a build and of a pull that changes something: kill -9, input/output error, full disk.

  sweep.py [--all] [--work build,pull] [--actions kill,kill-main,EIO,ENOSPC]
Without --all a sample: as many points as end in about a minute, another stride for each fault so that together they
touch most places. With --all every call (some thousand points, half an hour)."""
import argparse
import pathlib
import sys

from faults import ACTIONS, WORKS, Sweep, temp_folder

SAMPLES = 12  # of each work and action


def main():
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--all", action="store_true")
    words.add_argument("--work", default="build,pull")
    words.add_argument("--actions", default="kill,kill-main,EIO,ENOSPC")
    given = words.parse_args()
    failures, points = [], 0
    for name in given.work.split(","):
        with temp_folder() as folder:
            work = WORKS[name](pathlib.Path(folder))
            for number, action in enumerate(given.actions.split(",")):
                sweep = Sweep(work, sys.stderr)
                stride = 1 if given.all else max(1, sweep.count() // SAMPLES)
                sweep.all(ACTIONS[action], 1 + number * stride // 4 if not given.all else 1, stride)
                failures += sweep.failures
                points += sweep.points
                print(f"{name}, {action}: {sweep.points} points, {len(sweep.failures)} broken", flush=True)
    print(f"{points} points, {len(failures)} broken")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
