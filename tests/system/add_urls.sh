# ADD of URLs, from a server on loopback.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
mkdir "$work/c"
cd "$work/c"
echo z >z
tar -czf "$work/a.tar.gz" z
port=$(free_port)
cat >"$work/server.py" <<'PY'
import http.server, sys
log = open(sys.argv[2], "a")
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        log.write(f"{self.path} {self.headers.get('If-None-Match')}\n"); log.flush()
        status = {"/redirect": 302, "/loop": 302, "/gone": 404}.get(self.path, 200)
        if self.headers.get("If-None-Match") == '"abc"': status = 304
        body = b"" if status != 200 else open(sys.argv[3], "rb").read() if "tar" in self.path else b"hello\n"
        self.send_response(status)
        if status == 302: self.send_header("Location", "/f.txt" if self.path == "/redirect" else "/loop")
        if self.path != "/undated": self.send_header("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
        self.send_header("Content-Disposition", 'attachment; filename="../chosen-by-the-server"')
        self.send_header("ETag", '"abc"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PY
python3 "$work/server.py" "$port" "$work/requests" "$work/a.tar.gz" &
background+=($!)
url=http://127.0.0.1:$port
wait_until 20 curl -sf "$url/"

# added INSTRUCTION: what it adds, as "mode owner time name" lines
added() {
  printf 'FROM base:1\n%s\n' "$1" | imgb build -q -t added -f - . >/dev/null
  imgb export added | TZ=UTC tar --numeric-owner --full-time -tvf - d | awk '!/\/$/ {print $1, $2, $4, $5, $6}'
}
hash=$(printf 'hello\n' | sha256sum | cut -c1-64)
equal "$(added "ADD $url/f.txt /d/")" "-rw------- 0/0 2001-09-09 01:46:40 d/f.txt" "mode and time as Docker's"
equal "$(added "ADD $url/undated /d/")" "-rw------- 0/0 1970-01-01 00:00:00 d/undated" "without a time"
equal "$(added "ADD $url/redirect /d/")" "-rw------- 0/0 2001-09-09 01:46:40 d/redirect" "redirect"
equal "$(added "ADD $url/?a=b /d/")" "-rw------- 0/0 2001-09-09 01:46:40 d/__unnamed__" "no name"
equal "$(added "ADD $url/q.txt?a=b /d/")" "-rw------- 0/0 2001-09-09 01:46:40 d/q.txt" "query"
equal "$(added "ADD --chown=3:4 --chmod=4711 $url/f.txt /d/")" "-rws--x--x 3/4 2001-09-09 01:46:40 d/f.txt" "owner and mode"
equal "$(added "ADD --checksum=sha256:$hash $url/f.txt /d/")" "-rw------- 0/0 2001-09-09 01:46:40 d/f.txt" "checksum"
equal "$(added "ADD $url/a.tar.gz /d/")" "-rw------- 0/0 2001-09-09 01:46:40 d/a.tar.gz" "an archive stays one"
contains "$(added "ADD --unpack=true $url/a.tar.gz /d/")" "d/z"
equal "$(added "ADD $url/f.txt z /d/" | wc -l)" 2 "a URL and a file"

fails() { exits_with 1 imgb build -f - . <<<"FROM base:1"$'\n'"$1" && contains "$(cat "$work/err")" "$2"; }
fails "ADD --checksum=sha256:${hash/5/6} $url/f.txt /d/" "digest mismatch sha256:$hash"
fails "ADD --checksum=sha256:12 $url/f.txt /d/" "bad digest"
fails "ADD --checksum=sha256:$hash z /d/" "checksum requires HTTP(S)"
fails "ADD $url/gone /d/" "404"
fails "ADD $url/loop /d/" "redirects"
fails "ADD http://127.0.0.1:1/x /d/" "nobody answers"

# The second time the server is only asked whether the file is still the same.
printf 'FROM base:1\nADD %s/again /d/\n' "$url" >Dockerfile
imgb build -q . >/dev/null
contains "$(imgb build . 2>&1)" "CACHED"
equal "$(grep '^/again' "$work/requests" | tr '\n' ' ')" '/again None /again "abc" ' "asked with the ETag"
