# `imgb run`: the program's own output, exit code, input, variables, user, mounts and signals.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
equal "$(imgb run --rm base:1 echo hello)" "hello" "output"
equal "$(imgb run --rm base:1 sh -c 'echo out; echo err >&2' 2>/dev/null)" "out" "only standard output"
imgb run --rm base:1 head -c 1000000 /dev/zero >"$work/bytes"
equal "$(wc -c <"$work/bytes")" 1000000 "bytes as they are"
equal "$(echo text | imgb run --rm -i base:1 cat)" "text" "input with -i"
equal "$(echo text | imgb run --rm base:1 cat)" "" "no input without -i"
exits_with 7 imgb run --rm base:1 sh -c 'exit 7'
exits_with 127 imgb run --rm base:1 no-such-command
exits_with 126 imgb run --rm base:1 /bin
exits_with 125 imgb run --rm --network wat base:1 true
exits_with 137 imgb run --rm base:1 sh -c 'kill -9 $$'
exits_with 125 imgb run --pull=never no-such-image:1 true

equal "$(imgb run --rm -e A=1 -e B=two base:1 sh -c 'echo $A $B')" "1 two" "variables"
printf 'C=3\n# comment\n' >"$work/env"
equal "$(imgb run --rm --env-file "$work/env" base:1 sh -c 'echo $C')" "3" "variables of a file"
equal "$(imgb run --rm -w /a/b base:1 pwd)" "/a/b" "working folder"
equal "$(imgb run --rm -u 5:6 base:1 sh -c 'id -u; id -g' | tr '\n' ' ')" "5 6 " "user"
equal "$(imgb run --rm --hostname box base:1 hostname)" "box" "host name"
equal "$(imgb run --rm --entrypoint /bin/echo base:1 x y)" "x y" "entrypoint"
mkdir "$work/volume"
echo in >"$work/volume/file"
equal "$(imgb run --rm -v "$work/volume:/v:ro" base:1 cat /v/file)" "in" "volume"
imgb run --rm -v "$work/volume:/v" base:1 sh -c 'echo changed > /v/file'
equal "$(cat "$work/volume/file")" "changed" "writing into a volume"
exits_with 1 imgb run --rm -v "$work/volume:/v:ro" base:1 sh -c 'echo x > /v/file'
exits_with 1 imgb run --rm --read-only base:1 sh -c 'echo x > /file'
imgb run --rm --read-only --tmpfs /t base:1 sh -c 'echo x > /t/file'
equal "$(imgb ps -aq | wc -l)" 0 "--rm leaves nothing"
equal "$(imgb run --rm --network none base:1 ls /sys/class/net)" "lo" "no network but loopback"

# A signal to imgb reaches the program.
"$IMGB" run --rm base:1 sh -c 'trap "echo got; exit 3" TERM; echo ready; while :; do sleep 0.1; done' >"$work/signal" &
pid=$!
background+=("$pid")
wait_until 20 grep -q ready "$work/signal"
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
equal "$code" 3 "exit code after the signal"
contains "$(cat "$work/signal")" "got"
