# Sourced by the tests of imgb serve, behind lib.sh.

# serve ARGUMENTS...: sets $server to HOST:PORT and $server_pid; its log is $work/serve.log
serve() {
  rm -f "$work/serve.out"
  "$IMGB" serve --addr 127.0.0.1:0 "$@" >"$work/serve.out" 2>"$work/serve.log" &
  server_pid=$!
  background+=($!)
  wait_until 10 test -s "$work/serve.out"
  server=$(cat "$work/serve.out")
}
# code CURL-ARGUMENTS...: the status; the body is in $work/body
code() { curl -s -o "$work/body" -w '%{http_code}' "$@"; }
