"""Power cuts: a store on an ext4 of its own, whose file system is shut down at a random moment of builds and pulls as a
cut would (nothing that is not on the disk by then comes there), then mounted again as after a reboot. Whatever was
said to be done is there and right, `imgb fsck` is clean, unpacked layers are whole, and the next build and pull work.

IMGB_FAULT_ROUNDS says how many cuts; some in the tree's tests, hundreds by hand."""
import array
import fcntl
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

from faults import Broken, build_work, expect_nothing_left, in_own_mounts, mounts, pull_work, run, temp_folder

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_LOG_FLUSH = 2
DISK_BYTES = 600 << 20  # beside what the store keeps free
ROUNDS = int(os.environ.get("IMGB_FAULT_ROUNDS", "6"))

BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Machine:
    """A disk and the boots of it."""

    def __init__(self, folder):
        self.folder, self.image, self.disk = folder, folder / "disk.img", folder / "disk"
        self.disk.mkdir()
        with open(self.image, "wb") as file:
            file.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.up()

    @property
    def store(self):
        return self.disk / "store"

    def up(self):
        subprocess.run(["mount", "-o", "loop,commit=1", self.image, self.disk], check=True)

    def boot(self):
        """The machine itself stays up: what the store wrote in this boot is changed to say that it was another."""
        self.up()
        for file in (self.store / "boot", *self.store.glob("snapshots/*.ok")):
            text = file.read_bytes()
            file.write_bytes(text.replace(BOOT_ID.encode(), b"an-earlier-boot"))

    def cut(self):
        disk = os.open(self.disk, os.O_RDONLY)
        try:
            fcntl.ioctl(disk, SHUTDOWN, array.array("I", [WITHOUT_LOG_FLUSH]))
        finally:
            os.close(disk)

    def down(self):
        for _ in range(500):  # the process that syncs snapshots may be at it
            if subprocess.run(["umount", self.disk], capture_output=True).returncode == 0:
                return
            time.sleep(0.02)
        raise Broken("something holds the disk after all commands have ended")

    def run(self, *words, **options):
        return run(self.store, *words, **options)


def work_until_cut(machine, works, moment):
    """What was said to be done before the cut, in order."""
    done, cut = [], threading.Event()

    def pull_the_plug():
        time.sleep(moment)
        machine.cut()
        cut.set()

    plug = threading.Thread(target=pull_the_plug)
    plug.start()
    while not cut.is_set():
        for work in works:
            result = machine.run(*work.words, check=False)
            if result.returncode == 0 and result.stdout.strip() == work.want and not cut.is_set():
                done.append(work.name)
        if len(done) >= len(works) and not cut.is_set():
            # Again from the start, beside what is there: names move, layers are freed and made anew.
            machine.run("prune", "-a", "--filter", "label=none", "--cache", check=False)
    plug.join()
    return done


def expect_kept(machine, works, done):
    fsck = machine.run("fsck", check=False)
    if fsck.returncode != 0:
        raise Broken(f"fsck: {fsck.stdout[-1500:]}{fsck.stderr[-500:]}")
    for work in works:
        if work.name in done:
            got = machine.run("inspect", "-f", "{{.Id}}", work.image, check=False).stdout.strip()
            if got != work.want:
                raise Broken(f"{work.name} was done before the cut, and now {work.image} is {got!r}")
        got = machine.run(*work.words).stdout.strip()
        if got != work.want:
            raise Broken(f"{work.name} after the cut: {got}")
        # Unpacked layers that are taken for whole must be whole.
        out = machine.run("run", "--rm", "--network", "none", work.image, "sh", "-c", work.reads).stdout
        if out != work.said:
            raise Broken(f"{work.image} says {out[:200]!r} after the cut")


def one_cut(folder, works, template, chance):
    machine = Machine(folder)
    try:
        shutil.copytree(template, machine.store, symlinks=True)
        subprocess.run(["sync", "-f", machine.disk], check=True)
        moment = chance.uniform(0.02, 1.5)
        done = work_until_cut(machine, works, moment)
        machine.down()
        machine.boot()
        try:
            expect_kept(machine, works, done)
            expect_nothing_left(machine.store)
        except Broken as broken:
            raise Broken(f"cut after {moment:.3f} s, when {done} were done: {broken}") from broken
        return len(done)
    finally:
        machine.down()


def main():
    in_own_mounts()
    chance = random.Random(int(os.environ.get("IMGB_FAULT_SEED", "1")))
    before = mounts()
    with temp_folder() as one, temp_folder() as two:
        build, pull = build_work(pathlib.Path(one)), pull_work(pathlib.Path(two))
        build.image, build.reads, build.said = "result:1", "cat /g /d/x", "run\nx\n"
        pull.image, pull.reads = pull.words[-1], "cat /f /g | md5sum"
        pull.said = run(pull.folder / "wanted", "run", "--rm", "--network", "none", pull.image, "sh", "-c",
                        pull.reads).stdout
        done = 0
        for number in range(ROUNDS):
            with temp_folder() as folder:
                done += one_cut(pathlib.Path(folder), (build, pull), build.template, chance)
        print(f"{ROUNDS} power cuts, {done} commands done before them: all kept")
    if mounts() - before:
        raise Broken(f"mounts left over: {mounts() - before}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
