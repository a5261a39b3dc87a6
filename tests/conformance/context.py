"""Contexts on disk, made from the tables in cases.py, and images read back as plain values."""
import dataclasses
import gzip
import hashlib
import io
import json
import os
import stat
import subprocess
import tarfile

# Every context file gets this time, so that a kept time can be told from a new one.
MTIME = 1_000_000_000


@dataclasses.dataclass
class File:
    content: str = ""
    mode: int = 0o644


@dataclasses.dataclass
class Folder:
    mode: int = 0o755


@dataclasses.dataclass
class Link:
    target: str


@dataclasses.dataclass
class HardLink:
    target: str


@dataclasses.dataclass
class Tar:
    """An archive of other entries, compressed by `program` ("gzip", "bzip2", "xz", "zstd" or none)."""
    entries: dict
    program: str = ""


def make(root, entries):
    """Writes the tree; parents first, times last."""
    for path, entry in entries.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if isinstance(entry, Folder):
            os.makedirs(full, exist_ok=True)
            os.chmod(full, entry.mode)
        elif isinstance(entry, Link):
            os.symlink(entry.target, full)
        elif isinstance(entry, HardLink):
            os.link(os.path.join(root, entry.target), full)
        elif isinstance(entry, Tar):
            with open(full, "wb") as out:
                out.write(archive(entry))
        else:
            if isinstance(entry, str):
                entry = File(entry)
            with open(full, "w", encoding="utf-8", newline="") as out:
                out.write(entry.content)
            os.chmod(full, entry.mode)
    for folder, _, files in os.walk(root, topdown=False):
        for name in files:
            os.utime(os.path.join(folder, name), (MTIME, MTIME), follow_symlinks=False)
        os.utime(folder, (MTIME, MTIME))


def archive(entry):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, value in entry.entries.items():
            info = tarfile.TarInfo(name)
            info.mtime = MTIME
            data = b""
            if isinstance(value, Folder):
                info.type, info.mode = tarfile.DIRTYPE, value.mode
            elif isinstance(value, Link):
                info.type, info.linkname = tarfile.SYMTYPE, value.target
            elif isinstance(value, HardLink):
                info.type, info.linkname, info.mode = tarfile.LNKTYPE, value.target, 0o644
                info.uid = info.gid = 1234 if value.target in entry.entries else 0
            else:
                value = value if isinstance(value, File) else File(value)
                data, info.mode, info.uid, info.gid = value.content.encode(), value.mode, 1234, 1234
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    data = raw.getvalue()
    if entry.program:
        data = subprocess.run([entry.program, "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


class Image:
    """An OCI layout in a tar file."""

    def __init__(self, path):
        self.tar = tarfile.open(path)
        index = json.loads(self.read("index.json"))
        manifest = self.json(index["manifests"][0]["digest"])
        while "manifests" in manifest:
            manifest = self.json(manifest["manifests"][0]["digest"])
        self.config = self.json(manifest["config"]["digest"])
        self.layers = [self.layer(item["digest"], id_) for item, id_ in zip(manifest["layers"], self.config["rootfs"]["diff_ids"], strict=True)]

    def read(self, name):
        return self.tar.extractfile(name).read()

    def blob(self, digest):
        data = self.read("blobs/" + digest.replace(":", "/"))
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest, f"{digest} is damaged"
        return data

    def json(self, digest):
        return json.loads(self.blob(digest))

    def layer(self, digest, diff_id):
        data = self.blob(digest)
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        assert "sha256:" + hashlib.sha256(data).hexdigest() == diff_id, f"diff id of {digest} is wrong"
        return data

    def files(self):
        tree = {}
        for layer in self.layers:
            apply(tree, tarfile.open(fileobj=io.BytesIO(layer)))
        return tree


def apply(tree, tar):
    """One layer onto `tree`, as the OCI image specification says."""
    def drop(path, itself=True):
        for known in [p for p in tree if p.startswith(path + "/") or (itself and p == path)]:
            del tree[known]

    fresh = {}
    for item in tar:
        path = os.path.normpath("/" + item.name).lstrip("/")
        folder, name = os.path.split(path)
        if name == ".wh..wh..opq":
            drop(folder, itself=False)
        elif name.startswith(".wh."):
            drop(os.path.join(folder, name[4:]))
        elif item.islnk():
            target = os.path.normpath("/" + item.linkname).lstrip("/")
            fresh[path] = fresh.get(target) or tree[target]
        else:
            if not item.isdir():
                drop(path)
            fresh[path] = describe(item, tar)
    tree.update(fresh)


KINDS = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link", tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}


def describe(item, tar):
    words = [KINDS.get(item.type, "file"), f"{item.mode & 0o7777:04o}", f"{item.uid}:{item.gid}"]
    if item.issym():
        words[1] = "-"
        words.append(item.linkname)
    if item.isreg():
        words.append(hashlib.sha256(tar.extractfile(item).read()).hexdigest()[:16])
    if int(item.mtime) == MTIME:
        words.append("time kept")
    capability = item.pax_headers.get("SCHILY.xattr.security.capability")
    if capability:
        words.append("capability")
    return " ".join(words)


# What stands for the network or the runtime of a step and belongs to no image.
RUNTIME = ("etc/resolv.conf", "etc/hosts", "etc/hostname", "proc", "sys", "dev")


def platform_of(image):
    return "/".join(filter(None, (image.config.get(key) for key in ("os", "architecture", "variant"))))


def summary(image, base):
    """What an image adds to its base: the part that the instructions made."""
    before, after = base.files() if base else {}, image.files()
    kept = lambda path: path and path not in RUNTIME and not path.startswith(("proc/", "sys/", "dev/"))
    known = len(base.config.get("history", [])) if base else 0
    history = image.config.get("history", [])
    if base and [h.get("created_by") for h in history[:known]] != [h.get("created_by") for h in base.config["history"]]:
        known = 0
    config = {key: value for key, value in image.config.get("config", {}).items() if value not in (None, "", [], {}, False)}
    return {
        "config": dict(sorted(config.items())),
        "author": image.config.get("author", ""),
        "history": [("- " if h.get("empty_layer") else "+ ") + h.get("created_by", "") for h in history[known:]],
        # Times of folders are left out: each builder touches parents in its own way.
        "files": {p: strip_folder_time(v) for p, v in sorted(after.items()) if kept(p) and strip_folder_time(before.get(p, "")) != strip_folder_time(v)},
        "removed": sorted(p for p in before if p not in after and kept(p)),
    }


def strip_folder_time(text):
    return text.removesuffix(" time kept") if text.startswith("dir ") else text


def is_executable(path):
    return os.path.isfile(path) and os.stat(path).st_mode & stat.S_IXUSR
