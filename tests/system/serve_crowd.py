"""Many clients at once: 200 pull, 20 push, and each second one of them is killed in the middle. Only the killed ones may notice;
what was pushed is there afterwards, and nothing of what was not.

usage: serve_crowd.py HOST:PORT REPOSITORY TAG SECONDS; prints a JSON object: what was pushed, how often was pulled and killed
"""
import asyncio
import hashlib
import json
import os
import random
import sys

PULLERS, PUSHERS = 200, 20
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Killed(Exception):
    """This client was chosen."""


class Client:
    """One connection that is used again and again; a killed one comes back as another client."""

    def __init__(self, address):
        self.host, self.port = address.rsplit(":", 1)
        self.streams, self.doomed = None, False

    def kill(self):
        if self.streams:
            self.doomed = True
            self.streams[1].transport.abort()

    async def ask(self, method, path, want, body=b"", headers=()):
        try:
            if not self.streams:
                self.streams = await asyncio.open_connection(self.host, int(self.port))
            status, fields, content = await self.exchange(method, path, body, headers)
        except (OSError, EOFError):
            self.streams = None
            if self.doomed:
                self.doomed = False
                raise Killed from None
            raise
        if status != want:
            raise AssertionError(f"{method} {path}: {status}, not {want}: {content[:300]!r}")
        return fields, content

    async def exchange(self, method, path, body, headers):
        reader, writer = self.streams
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        content = await reader.readexactly(int(fields.get("content-length", 0))) if method != "HEAD" else b""
        return int(head[0].split()[1]), fields, content


class Crowd:
    def __init__(self, address, repository, tag):
        self.address, self.repository, self.tag = address, repository, tag
        self.clients, self.pushed, self.pulled, self.killed = [], {}, 0, 0
        self.over = False

    async def pull(self, client, repository, tag):
        _, text = await client.ask("GET", f"/v2/{repository}/manifests/{tag}", 200, headers=[f"Accept: {MANIFEST}"])
        manifest = json.loads(text)
        for blob in [manifest["config"], *manifest["layers"]]:
            _, content = await client.ask("GET", f"/v2/{repository}/blobs/{blob['digest']}", 200)
            assert digest_of(content) == blob["digest"], f"{blob['digest']}: wrong bytes"
        return digest_of(text)

    async def upload(self, client, repository, content):
        fields, _ = await client.ask("POST", f"/v2/{repository}/blobs/uploads/", 202)
        half = len(content) // 2
        for begin, end in ((0, half), (half, len(content))):
            fields, _ = await client.ask("PATCH", fields["location"], 202, content[begin:end],
                                         [f"Content-Range: {begin}-{end - 1}", "Content-Type: application/octet-stream"])
        await client.ask("PUT", f"{fields['location']}?digest={digest_of(content)}", 201)
        return {"digest": digest_of(content), "size": len(content)}

    async def push(self, client, number):
        repository, tag = f"crowd/app-{number % 5}", f"t{random.randrange(10**12)}"
        layer = await self.upload(client, repository, os.urandom(256 * 1024))
        config = await self.upload(client, repository, json.dumps({"architecture": "amd64", "os": "linux", "made": tag, "rootfs": {
            "type": "layers", "diff_ids": [layer["digest"]]}}).encode())
        text = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                           "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}]}).encode()
        await client.ask("PUT", f"/v2/{repository}/manifests/{tag}", 201, text, [f"Content-Type: {MANIFEST}"])
        self.pushed[f"{repository}:{tag}"] = digest_of(text)
        assert await self.pull(client, repository, tag) == digest_of(text)

    async def live(self, job):
        client = Client(self.address)
        self.clients.append(client)
        while not self.over:
            try:
                await job(client)
            except Killed:
                self.killed += 1

    async def pull_again_and_again(self, client):
        await self.pull(client, self.repository, self.tag)
        self.pulled += 1

    async def kill_now_and_then(self, seconds):
        for _ in range(seconds):
            await asyncio.sleep(1)
            random.choice(self.clients).kill()
        self.over = True

    async def run(self, seconds):
        await asyncio.gather(self.kill_now_and_then(seconds),
                             *(self.live(self.pull_again_and_again) for _ in range(PULLERS)),
                             *(self.live(lambda client, n=n: self.push(client, n)) for n in range(PUSHERS)))


def main(address, repository, tag, seconds):
    crowd = Crowd(address, repository, tag)
    asyncio.run(asyncio.wait_for(crowd.run(int(seconds)), 100))
    print(json.dumps({"pushed": crowd.pushed, "pulled": crowd.pulled, "killed": crowd.killed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
