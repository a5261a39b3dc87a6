"""A build and a pull on disks of five sizes that are too small, tmpfs and ext4: an error that names the folder and says
that there is no space, nothing left over, and once there is room the same command works."""
import pathlib
import shutil
import subprocess
import sys

from faults import Broken, build_work, expect_nothing_left, expect_whole, in_own_mounts, mounts, pull_work, run, temp_folder

RESERVE_BYTES = 256 << 20  # that unpacking leaves free

# Beside the template: shares of what the work needs, without room for the reserve and with it.
def sizes_for(needed):
    return [int(needed * share) for share in (0.05, 0.4, 0.8)] + [RESERVE_BYTES + int(needed * share) for share in (0, 0.5)]



def disk_bytes(folder):
    return int(subprocess.run(["du", "-s", "--block-size=1", folder], check=True, capture_output=True).stdout.split()[0])


def mount_tmpfs(where, size):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], check=True)


def mount_ext4(where, size):
    image = where.with_suffix(".img")
    with open(image, "wb") as file:
        file.truncate(size + (2 << 20))  # its own tables
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-N", "400", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, where], check=True)


def try_size(work, kind, size):
    disk = work.folder / f"disk-{kind}-{size}"
    disk.mkdir()
    {"tmpfs": mount_tmpfs, "ext4": mount_ext4}[kind](disk, size)
    try:
        root = disk / "store"
        if work.template.exists():
            shutil.copytree(work.template, root, symlinks=True)
        done = run(root, *work.words, check=False)
        if done.returncode == 0:
            return False
        said = done.stderr
        if done.returncode != 1 or "o space left" not in said and "free" not in said:
            raise Broken(f"exit code {done.returncode}, no word of space: {said}")
        if str(disk) not in said:
            raise Broken(f"does not name the folder: {said}")
        expect_whole(root)
        # tmpfs gets room by growing; of the other the store goes to a larger disk.
        if kind == "tmpfs":
            subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
        else:
            moved = work.folder / "moved"
            shutil.rmtree(moved, ignore_errors=True)
            shutil.copytree(root, moved, symlinks=True)
            root = moved
        work.expect_result(root)
        expect_whole(root)
        expect_nothing_left(root)
        return True
    except Broken as broken:
        raise Broken(f"{work.name}, {kind} of {size} bytes: {broken}") from broken
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def main():
    in_own_mounts()
    before = mounts()
    for make in (build_work, pull_work):
        with temp_folder() as folder:
            work = make(pathlib.Path(folder))
            start = disk_bytes(work.template) if work.template.exists() else 0
            needed = disk_bytes(work.folder / "wanted") - start
            for kind in ("tmpfs", "ext4"):
                failed = sum(try_size(work, kind, start + size) for size in sizes_for(needed))
                print(f"{work.name}, {kind}: too small {failed} times of 5")
                if failed < 3:
                    raise Broken("no disk was too small: the test tests nothing")
    if mounts() - before:
        raise Broken(f"mounts left over: {mounts() - before}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
