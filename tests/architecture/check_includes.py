#!/usr/bin/env python3
"""Fails on an include that is not an arrow of the design: cli -> builder, registry, isogen, sandbox -> layerfs -> store -> oci -> base.

usage: check_includes.py SOURCE_ROOT
"""
import os
import re
import sys

# room -> rooms whose headers it may include (itself always)
ARROWS = {
    "core/base": [],
    "core/oci": ["core/base"],
    "core/store": ["core/oci", "core/base"],
    "layerfs": ["core/store", "core/oci", "core/base"],
    "registry": ["core/store", "core/oci", "core/base"],
    "sandbox": ["layerfs", "core/store", "core/oci", "core/base"],
    "builder": ["sandbox", "layerfs", "core/store", "core/oci", "core/base"],
    "isogen": ["layerfs", "core/store", "core/oci", "core/base"],
    "cli": ["builder", "registry", "isogen", "sandbox", "layerfs", "core/store", "core/oci", "core/base"],
}
# third-party header -> the rooms that wrap it
WRAPPED = {
    r"archive(_entry)?\.h": ["layerfs"],
    r"zstd\.h": ["layerfs"],
    r"(isa-l/)?igzip_lib\.h|isa-l\.h|zlib\.h": ["layerfs"],
    r"curl/.*": ["registry"],
    r"sqlite3\.h": ["core/store"],
    r"seccomp\.h": ["sandbox", "layerfs"],
    r"openssl/.*": ["core/base", "registry", "sandbox"],
    r"libisofs/.*": ["isogen"],
    r"toml\+\+/.*": ["registry"],
}


def room_of(path):
    for room in ARROWS:
        if path.startswith(room + "/"):
            return room
    return None


def main(root):
    bad = []
    checked = 0
    for top in ["core", "layerfs", "registry", "sandbox", "builder", "isogen", "cli"]:
        for folder, _, files in os.walk(os.path.join(root, top)):
            for name in files:
                if not name.endswith((".cc", ".h")):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                room = room_of(path)
                checked += 1
                with open(os.path.join(root, path), encoding="utf-8") as text:
                    for number, line in enumerate(text, 1):
                        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
                        if not found:
                            continue
                        header = found.group(2)
                        if found.group(1) == '"':
                            target = room_of(header)
                            if target is None:
                                bad.append(f'{path}:{number}: "{header}" does not name its room')
                            elif target != room and target not in ARROWS[room]:
                                bad.append(f"{path}:{number}: {room} may not use {target} ({header})")
                        else:
                            for pattern, rooms in WRAPPED.items():
                                if re.fullmatch(pattern, header) and room not in rooms:
                                    bad.append(f"{path}:{number}: <{header}> belongs to {', '.join(rooms)}")
    print("\n".join(bad) or f"{checked} files follow the arrows")
    return 1 if bad or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
