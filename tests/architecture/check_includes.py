#!/usr/bin/env python3
"""Fails on an include that is not an arrow of the design: cli -> builder, registry, isogen, sandbox -> layerfs -> store -> oci -> base;
and on a library's header anywhere but in the one wrapper of that library.

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
# third-party header -> its wrapper: the files whose paths match
WRAPPED = {
    r"archive(_entry)?\.h": r"layerfs/tar_reader\.cc",
    r"bzlib\.h": r"layerfs/codec_bzip2\.cc",
    r"isa-l/.*": r"layerfs/codec_igzip\.cc",
    r"lzma\.h": r"layerfs/codec_xz\.cc",
    r"zlib\.h": r"layerfs/codec_zlib\.cc",
    r"zstd\.h": r"layerfs/codec_zstd\.cc",
    r"curl/.*": r"registry/curl_\w+\.(cc|h)",
    r"boost/beast/.*": r"registry/server/beast_\w+\.cc",
    r"boost/asio\.hpp|boost/asio/.*": r"registry/server/net_\w+\.(cc|h)",
    r"crypt\.h": r"registry/server/htpasswd\.cc",
    r"toml\+\+/.*": r"registry/registries_conf\.cc",
    r"yaml\.h": r"cli/yaml\.cc",
    r"sqlite3\.h": r"core/store/cache_db\.cc",
    r"seccomp\.h": r"core/base/seccomp_filter\.cc",
    r"openssl/.*": r"(core/base|registry/server)/openssl_\w+\.cc",
    r"sanitizer/lsan_interface\.h": r"layerfs/confined\.cc",
    r"libisofs/.*": r"isogen/iso_writer\.cc",
}
# what every room may use: formatted text, and JSON as a value
EVERYWHERE = r"fmt/core\.h|nlohmann/json(_fwd)?\.hpp"
# the C++ library, the C library and the kernel
SYSTEM = (r"\w+|(sys|linux|arpa|net|netinet)/\w+\.h|(dirent|dlfcn|fcntl|grp|poll|pthread|pwd|sched|signal|termios|unistd)\.h")


def room_of(path):
    for room in ARROWS:
        if path.startswith(room + "/"):
            return room
    return None


def problem_with_ours(room, header):
    target = room_of(header)
    if target is None:
        return f'"{header}" does not name its room'
    if target != room and target not in ARROWS[room]:
        return f"{room} may not use {target} ({header})"
    return None


def problem_with_library(path, header):
    if re.fullmatch(SYSTEM, header) or re.fullmatch(EVERYWHERE, header):
        return None
    for pattern, wrapper in WRAPPED.items():
        if re.fullmatch(pattern, header):
            return None if re.fullmatch(wrapper, path) else f"<{header}> belongs into {wrapper} alone"
    return f"<{header}> is of no library known here: name its wrapper in check_includes.py"


def problems_of(root, path):
    room = room_of(path)
    with open(os.path.join(root, path), encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not found:
                continue
            ours = found.group(1) == '"'
            problem = problem_with_ours(room, found.group(2)) if ours else problem_with_library(path, found.group(2))
            if problem:
                yield f"{path}:{number}: {problem}"


def main(root):
    paths = [
        os.path.relpath(os.path.join(folder, name), root)
        for top in sorted({room.split("/")[0] for room in ARROWS})
        for folder, _, files in os.walk(os.path.join(root, top))
        for name in files
        if name.endswith((".cc", ".h"))
    ]
    bad = [problem for path in paths for problem in problems_of(root, path)]
    print("\n".join(bad) or f"{len(paths)} files follow the arrows")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
