"""The two builders and the registry that the workloads use."""
import os
import shutil
import socket
import subprocess
import time
import urllib.request


def call(argv, **kwargs):
    """Runs to the end; a failure shows what was said."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900, **kwargs)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(argv)}\n{done.stdout.decode(errors='replace')}")
    return done.stdout.decode(errors="replace")


class Registry:
    """docker-registry on a free loopback port, its files below `folder`."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "registry")

    def __enter__(self):
        os.makedirs(self.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        settings = os.path.join(self.folder, "config.yml")
        with open(settings, "w", encoding="utf-8") as out:
            out.write("version: 0.1\nlog: {level: error}\n"
                      f"storage: {{filesystem: {{rootdirectory: {self.folder}/data}}}}\nhttp: {{addr: '{self.address}'}}\n")
        self.process = subprocess.Popen(["docker-registry", "serve", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://{self.address}/v2/", timeout=5).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)


class Imgb:
    name = "imgb"

    def __init__(self, program, folder, registry):
        self.program, self.registry = program, registry
        self.root = os.path.join(folder, "store")
        self.work = folder
        conf = os.path.join(folder, "registries.conf")
        with open(conf, "w", encoding="utf-8") as out:
            out.write(f'[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n'
                      f'[[registry.mirror]]\nlocation = "{registry.address}"\ninsecure = true\n')
        self.env = {**os.environ, "IMGB_ROOT": self.root, "CONTAINERS_REGISTRIES_CONF": conf}

    def __call__(self, *args):
        return call([self.program, *args], env=self.env)

    def build(self, context, *flags):
        return self("build", "--network", "host", *flags, "-t", "bench:imgb", context)

    def wipe(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def publish(self, name, target):
        call(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", f"oci:{self.root}:docker.io/library/{name}",
              f"docker://{self.registry.address}/{target}"])

    def publish_base(self):
        """busybox as an image, made from the static busybox of this machine."""
        context = os.path.join(self.work, "base")
        os.makedirs(context)
        shutil.copy(shutil.which("busybox"), os.path.join(context, "busybox"))
        applets = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
        os.makedirs(os.path.join(context, "bin"))
        for applet in applets:
            if applet != "busybox":
                os.symlink("busybox", os.path.join(context, "bin", applet))
        os.rename(os.path.join(context, "busybox"), os.path.join(context, "bin", "busybox"))
        os.makedirs(os.path.join(context, "tmp"))
        with open(os.path.join(context, "Dockerfile"), "w", encoding="utf-8") as out:
            out.write('FROM scratch\nCOPY bin /bin\nCOPY tmp /tmp\nCMD ["sh"]\n')
        self("build", "-t", "busybox:bench", context)
        self.publish("busybox:bench", "library/busybox:bench")


class Docker:
    name = "docker"

    def __init__(self, command, registry):
        self.command, self.registry = command, registry

    def answers(self):
        try:
            return subprocess.run([*self.command, "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30).returncode == 0
        except OSError:
            return False

    def __call__(self, *args):
        return call([*self.command, *args])

    def pull_base(self):
        name = f"{self.registry.address}/library/busybox:bench"
        self("pull", "-q", name)
        self("tag", name, "busybox:bench")

    def build(self, context, *flags):
        return self("build", "--network", "host", "--provenance=false", *flags, "-t", "bench:docker", context)
