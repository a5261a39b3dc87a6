"""Runs each line of docs/ci.md in which imgb is typed, against a registry that wants a password: recipes are programs, too.

usage: ci_recipes.py DOCUMENT CONTEXT (the environment says where the registry is and who may use it)
"""
import os
import pathlib
import re
import subprocess
import sys


def commands_of(document):
    """What stands in its blocks: per heading, the lines that call imgb, continuations joined, YAML's words taken off."""
    heading, found, inside, pending = "", [], False, ""
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        if line.startswith("```"):
            inside = not inside
            continue
        if not inside:
            continue
        text = pending + re.sub(r"^\s*(- )?(run: )?", "", line) if not pending else pending + line.strip()
        if text.endswith("\\"):
            pending = text[:-1]
            continue
        pending = ""
        if re.match(r"(echo \S+ \| )?imgb ", text):
            found.append((heading, text))
    return found


def main(document, context):
    commands = commands_of(document)
    headings = {heading for heading, _ in commands}
    assert len(headings) == 5 and len(commands) >= 16, f"too few lines found: {commands}"
    for heading, command in commands:
        for arch in ("amd64", "arm64") if "$ARCH" in command else ("",):
            done = subprocess.run(["bash", "-ec", f"set -o pipefail; imgb() {{ timeout 120 \"$IMGB\" \"$@\"; }}; {command}"],
                                  cwd=context, env={**os.environ, "ARCH": arch}, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=180, check=False)
            if done.returncode != 0:
                sys.exit(f"{heading}: {command}\nexits with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    result = pathlib.Path(os.environ["RESULT"]).read_text(encoding="utf-8").strip()
    assert re.fullmatch("sha256:[0-9a-f]{64}", result), result


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
