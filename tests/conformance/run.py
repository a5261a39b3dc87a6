#!/usr/bin/env python3
"""Builds every case with imgb and compares with what is written down in expected/.

usage: run.py --imgb PATH [NAME...]           compares; exit 1 if anything differs
       run.py --record "docker" [NAME...]     writes expected/ anew with a Docker-compatible builder (for development)
       run.py --imgb PATH --record-own [NAME...]  the same from imgb, for the cases that differ on purpose
"""
import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import cases
import context

HERE = os.path.dirname(os.path.abspath(__file__))


class Imgb:
    def __init__(self, program, work):
        self.program, self.work = program, work
        self.env = {**os.environ, "IMGB_ROOT": os.path.join(work, "store")}

    def base(self, folder):
        self.build(folder, ["-t", "base"], os.path.join(self.work, "base.tar"))

    def build(self, folder, flags, archive):
        done = subprocess.run([self.program, "build", "--network", "none", "--progress", "plain", *flags, "-o", f"type=oci,dest={archive}", "."],
                              cwd=folder, env=self.env, capture_output=True, text=True, errors="replace", timeout=120)
        return done.returncode == 0, done.stderr

    def build_base(self, folder):
        # The name goes into the store, the archive is for comparing.
        done = subprocess.run([self.program, "build", "--network", "none", "-t", "base", folder], env=self.env, capture_output=True, text=True, timeout=120)
        if done.returncode:
            sys.exit(f"the base image does not build:\n{done.stderr}")


class Docker:
    def __init__(self, command, work):
        self.command, self.work = command, work

    def build_base(self, folder):
        subprocess.run([*self.command, "build", "-q", "--network", "none", "--provenance=false", "-t", "base", folder], check=True, stdout=subprocess.DEVNULL)

    def build(self, folder, flags, archive):
        flags = [flag.replace("src=", f"src={folder}/") if flag.startswith("id=") else flag for flag in flags]
        done = subprocess.run([*self.command, "build", "--no-cache", "--network", "none", "--provenance=false", "--progress", "plain", *flags, "-t", "conformance", folder],
                              capture_output=True, text=True, errors="replace", timeout=300)
        if done.returncode == 0:
            shared = archive + ".save"
            subprocess.run([*self.command, "save", "conformance", "-o", shared], check=True)
            shutil.move(shared, archive)
        return done.returncode == 0, done.stderr


def outcome(builder, name, work):
    """What building the case gives, as the JSON of expected/."""
    case = cases.CASES[name]
    folder = os.path.join(work, name)
    os.makedirs(folder)
    context.make(folder, {"Dockerfile": case.dockerfile, **case.files})
    archive = os.path.join(work, name + ".tar")
    built, log = builder.build(folder, case.flags, archive)
    if not built:
        return {"fails": True}, log
    base = None if case.dockerfile.startswith("FROM scratch") and "AS" not in case.dockerfile else context.Image(os.path.join(work, "base.tar"))
    last_stage = case.dockerfile.upper().rsplit("FROM ", 1)[1] if "FROM " in case.dockerfile.upper() else ""
    if last_stage.startswith("SCRATCH"):
        base = None
    image = context.Image(archive)
    summary = context.summary(image, base)
    if "--platform" in case.flags:  # else it is the host's
        summary["platform"] = context.platform_of(image)
    return summary, log


def prepare_base(builder, work):
    folder = os.path.join(work, "base")
    os.makedirs(folder)
    context.make(folder, {"Dockerfile": cases.BASE, ".dockerignore": "Dockerfile\n.dockerignore\n", **cases.BASE_FILES})
    os.makedirs(os.path.join(folder, "bin"))
    shutil.copy(shutil.which("busybox"), os.path.join(folder, "bin", "busybox"))
    for applet in subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", os.path.join(folder, "bin", applet))
    builder.build_base(folder)
    # The base as an archive of its own, by a build that adds nothing.
    again = os.path.join(work, "again")
    os.makedirs(again)
    context.make(again, {"Dockerfile": "FROM base\n"})
    built, log = builder.build(again, [], os.path.join(work, "base.tar"))
    if not built:
        sys.exit(f"FROM base does not build:\n{log}")


def differences(expected, actual):
    lines = []
    for key in sorted(set(expected) | set(actual)):
        want, have = expected.get(key), actual.get(key)
        if want == have:
            continue
        if isinstance(want, dict) and isinstance(have, dict):
            lines += [f"  {key} {k}: want {want.get(k)!r}, have {have.get(k)!r}" for k in sorted(set(want) | set(have)) if want.get(k) != have.get(k)]
        else:
            lines.append(f"  {key}: want {want!r}, have {have!r}")
    return lines


def check(name, expected, actual, log):
    says = cases.CASES[name].says
    lines = differences(expected, actual)
    if not lines and says and says not in log:
        lines = [f"  the error does not say {says!r}: {log.strip()[-400:]!r}"]
    if lines and actual.get("fails") and not expected.get("fails"):
        lines = ["  does not build:"] + ["    " + line for line in log.strip().splitlines()[-12:]]
    return lines


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--imgb")
    parser.add_argument("--record")
    parser.add_argument("--record-own", action="store_true")
    parser.add_argument("name", nargs="*")
    args = parser.parse_args()
    names = args.name or list(cases.CASES)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="imgb-conformance-", dir="/tmp") as work:
        os.chmod(work, 0o755)
        builder = Docker(shlex.split(args.record), work) if args.record else Imgb(os.path.abspath(args.imgb), work)
        prepare_base(builder, work)
        for name in names:
            path = os.path.join(HERE, "expected", name + ".json")
            actual, log = outcome(builder, name, work)
            own = bool(cases.CASES[name].differs)
            if args.record or args.record_own:
                if own == bool(args.record_own):
                    with open(path, "w", encoding="utf-8") as out:
                        json.dump(actual, out, indent=1, ensure_ascii=False)
                        out.write("\n")
                if bool(actual.get("fails")) != bool(cases.CASES[name].says) and not own:
                    print(f"{name}: {'fails' if actual.get('fails') else 'builds'}, the table says otherwise\n{log[-600:]}")
                continue
            with open(path, encoding="utf-8") as text:
                lines = check(name, json.load(text), actual, log)
            if lines:
                bad += 1
                print(name + "\n" + "\n".join(lines), flush=True)
    if not (args.record or args.record_own):
        print(f"{len(names) - bad} of {len(names)} cases as expected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
