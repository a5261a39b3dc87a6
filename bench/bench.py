#!/usr/bin/env python3
"""Times imgb on whole jobs, and Docker beside it in alternating runs where a daemon answers.

usage: bench.py --imgb PATH [--runs N] [WORKLOAD...]

Both get the same contexts, made anew from a fixed seed below a temporary folder. Docker is `docker`, or the words of
IMGB_BENCH_DOCKER. Base images come from a registry on loopback that this program starts and stops.
"""
import argparse
import os
import shlex
import statistics
import sys
import tempfile
import time

import lab
import workloads


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--imgb", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("workload", nargs="*")
    args = parser.parse_args()
    unknown = set(args.workload) - set(workloads.ALL)
    if unknown:
        sys.exit(f"bench: no workload {', '.join(sorted(unknown))}; there are {', '.join(workloads.ALL)}")

    with tempfile.TemporaryDirectory(prefix="imgb-bench-", dir="/tmp") as folder, lab.Registry(folder) as registry:
        os.chmod(folder, 0o755)
        ours = lab.Imgb(os.path.abspath(args.imgb), folder, registry)
        ours.publish_base()
        docker = lab.Docker(shlex.split(os.environ.get("IMGB_BENCH_DOCKER", "docker")), registry)
        theirs = docker if docker.answers() else None
        if theirs is None:
            print("no Docker daemon answers: imgb's figures alone", file=sys.stderr)
        print(f"{'workload':<34}{'imgb':>10}{'docker':>10}{'ratio':>8}{'asked':>8}", flush=True)
        for name in args.workload or workloads.ALL:
            for row in workloads.ALL[name](folder, ours, theirs):
                report(row, args.runs)


def report(row, runs):
    """Alternates the sides so that whatever the machine does else hits both."""
    times = {side: [] for side in row.sides}
    for _ in range(row.runs or runs):
        for side, step in row.sides.items():
            if step.prepare:
                step.prepare()
            begun = time.perf_counter()
            step.run()
            times[side].append(time.perf_counter() - begun)
    if row.check:
        row.check()
    ours = statistics.median(times["imgb"])
    line = f"{row.label:<34}{ours:>9.3f}s"
    if "docker" in times:
        theirs = statistics.median(times["docker"])
        line += f"{theirs:>9.3f}s{theirs / ours:>7.1f}x"
    else:
        line += f"{'':>10}{'':>8}"
    print(line + f"{row.asked:>8}" + (f"   {row.note()}" if row.note else ""), flush=True)


if __name__ == "__main__":
    main()
