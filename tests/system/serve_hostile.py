"""Attacks on a registry, and what honest clients see meanwhile. usage: serve_hostile.py HOST:PORT PID"""
import hashlib
import http.client
import json
import os
import socket
import struct
import sys
import threading
import time

host, port = sys.argv[1].rsplit(":", 1)
port, pid = int(port), int(sys.argv[2])


def check(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


def connect(timeout=20):
    return socket.create_connection((host, port), timeout)


def ask(method, target, body=None, headers={}):
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    result = answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
    connection.close()
    return result


def raw(text, timeout=20):
    """All that comes back for these bytes."""
    with connect(timeout) as s:
        s.sendall(text)
        s.shutdown(socket.SHUT_WR)
        out = b""
        while piece := s.recv(65536):
            out += piece
        return out


def memory_kib(field="VmHWM"):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def descriptors():
    return len(os.listdir(f"/proc/{pid}/fd"))


manifest = json.loads(ask("GET", "/v2/team/app/manifests/1")[2])
layer = manifest["layers"][0]
blob = f"/v2/team/app/blobs/{layer['digest']}"
check(hashlib.sha256(ask("GET", blob)[2]).hexdigest() == layer["digest"][7:], "the layer comes whole")


def manifest_times(count=300):
    """Seconds that honest requests take, sorted."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    times = []
    for _ in range(count):
        start = time.monotonic()
        connection.request("GET", "/v2/team/app/manifests/1")
        answer = connection.getresponse()
        answer.read()
        check(answer.status == 200, "an honest request is answered")
        times.append(time.monotonic() - start)
    connection.close()
    return sorted(times)


def malformed():
    """What is no request, or two at once, is refused and closed."""
    for text in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nA\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\r\n\r\n",
                 b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                 b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
        check(raw(text).startswith(b"HTTP/1.1 400 "), f"{text} is refused")
    check(raw(b"GET / HTTP/1.1\r\n" + b"X-Flood: yyyyyyyyyyyyyyyyyyyyy\r\n" * 4000).startswith(b"HTTP/1.1 431 "), "a flood of headers")
    check(raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 414 "), "a long address")
    ranges = b"bytes=0-0" + b"".join(b",%d-%d" % (i, i) for i in range(1, 2500))
    head = b"HEAD " + blob.encode() + b" HTTP/1.1\r\nConnection: close\r\nRange: " + ranges + b"\r\n\r\n"
    check(raw(head[:16000] + b"\r\n\r\n" if len(head) > 16000 else head)[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 431"), "many ranges")
    for target in (b"/v2/../../etc/passwd/manifests/x", b"/v2/%2e%2e/%2e%2e/etc/manifests/x", b"/v2//x/manifests/y", b"/v2/x\\y/manifests/z",
                   b"/v2/a/blobs/sha256:../../index.json", b"/v2/a%00b/tags/list", b"//etc/passwd", b"/v2/\xff/tags/list"):
        answer = raw(b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
        check(answer[9:10] == b"4" and b"root:" not in answer, f"{target} is refused")


def pipelined():
    """Requests sent at once are answered one after the other."""
    answers = raw(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n" * 200 + b"GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n")
    check(answers.count(b"HTTP/1.1 200 OK") == 201, "every pipelined request is answered")


def uploads():
    """V97 over a socket: what lies about its length or its end leaves nothing."""
    status, headers, _ = ask("POST", "/v2/evil/x/blobs/uploads/")
    check(status == 202, "an upload is begun")
    place = headers["location"]
    wrong = "sha256:" + "0" * 64
    check(ask("PUT", f"{place}?digest={wrong}", b"x" * 100)[0] == 400, "a wrong digest")
    check(ask("PATCH", place, b"late")[0] == 404, "after its end")
    huge = raw(b"POST /v2/evil/x/blobs/uploads/?digest=" + wrong.encode() + b" HTTP/1.1\r\nContent-Length: 10995116277760\r\n\r\nx")
    check(huge.startswith(b"HTTP/1.1 507 ") or huge == b"", "ten terabytes")
    check(raw(b"PUT /v2/evil/x/manifests/1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n").startswith(b"HTTP/1.1 "), "a bad chunk")
    check(ask("PUT", "/v2/evil/x/manifests/1", b" " * (5 << 20))[0] == 413, "a huge manifest")
    for _ in range(50):  # they go away in the middle
        s = connect()
        s.sendall(b"POST /v2/evil/x/blobs/uploads/?digest=" + wrong.encode() + b" HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"y" * 5000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


def slow_readers(count=200):
    """V101: they ask for a large blob and read nothing of it."""
    held = []
    for _ in range(count):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect((host, port))
        s.sendall(b"GET " + blob.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        held.append(s)
    return held


def slow_askers(count=1500):
    """Slowloris: half a head, and then nothing."""
    held = []
    for _ in range(count):
        s = connect()
        s.sendall(b"GET /v2/ HTTP/1.1\r\nX-Slow: ")
        held.append(s)
    return held


def resets(count=300):
    for i in range(count):
        s = connect()
        s.sendall(b"GET " + (blob.encode() if i % 2 else b"/v2/_catalog") + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()


malformed()
pipelined()
uploads()
resets()
quiet = manifest_times()
held = slow_readers() + slow_askers()
busy = manifest_times()
peak = memory_kib()
check(peak < 64 * 1024, f"200 slow clients and 1500 idle ones take {peak} KiB")
p99 = lambda times: times[len(times) * 99 // 100]
check(p99(busy) < max(2 * p99(quiet), 0.02), f"honest clients wait {p99(busy):.4f} s, {p99(quiet):.4f} s when it is quiet")
start = time.monotonic()
check(hashlib.sha256(ask("GET", blob)[2]).hexdigest() == layer["digest"][7:], "a fast client has its blob")
check(time.monotonic() - start < 5, "and soon")
# One that was slow and reads on has its blob too.
slow = held[0]
slow.settimeout(30)
got, want = b"", layer["size"]
while b"\r\n\r\n" not in got:
    got += slow.recv(65536)
got = got.split(b"\r\n\r\n", 1)[1]
digest, size = hashlib.sha256(got), len(got)
while size < want:
    piece = slow.recv(1 << 20)
    check(piece, "a slow client's blob is not cut")
    digest.update(piece)
    size += len(piece)
check(digest.hexdigest() == layer["digest"][7:], "a slow client's blob is right")
for s in held:
    s.close()
deadline = time.monotonic() + 20
while descriptors() > 100 and time.monotonic() < deadline:
    time.sleep(0.05)
check(descriptors() <= 100, f"{descriptors()} descriptors are left open")

# 200 that pull while 20 push, and some go away all the time.
failures = []


def pull():
    try:
        if hashlib.sha256(ask("GET", blob)[2]).hexdigest() != layer["digest"][7:]:
            failures.append("a pull is wrong")
    except Exception as e:
        failures.append(f"pull: {e!r}")


def push(number):
    try:
        for i in range(5):
            data = f"{number} {i}".encode() * 10000
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            status = ask("POST", f"/v2/p/n{number}/blobs/uploads/?digest={digest}", data)[0]
            if status != 201:
                failures.append(f"a push ends with {status}")
            size, config = len(data), {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(data)}
            body = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []})
            status = ask("PUT", f"/v2/p/n{number}/manifests/{i}", body, {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})[0]
            if status != 201:
                failures.append(f"a manifest's push ends with {status}")
    except Exception as e:
        failures.append(f"push: {e!r}")


stop = threading.Event()


def killed():
    while not stop.wait(0.1):
        s = connect()
        s.sendall(b"POST /v2/k/x/blobs/uploads/?digest=sha256:" + b"1" * 64 + b" HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"z" * 70000)
        s.close()


threads = [threading.Thread(target=pull) for _ in range(200)] + [threading.Thread(target=push, args=(i,)) for i in range(20)]
killer = threading.Thread(target=killed)
killer.start()
for t in threads:
    t.start()
for t in threads:
    t.join()
stop.set()
killer.join()
check(not failures, failures[:5])
for number in range(20):
    check(len(json.loads(ask("GET", f"/v2/p/n{number}/tags/list")[2])["tags"]) == 5, "all that was pushed is there")
