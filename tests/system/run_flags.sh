# Flags of `imgb run`: rights, files, network and ports, limits, ends.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
inside() { imgb run --rm "$@"; }

# Rights.
contains "$(inside --privileged base:1 grep CapEff /proc/self/status)" "ff"
inside --cap-add SYS_ADMIN base:1 sh -c 'mkdir /m && mount -t tmpfs none /m'
exits_with 1 inside base:1 sh -c 'mkdir /m && mount -t tmpfs none /m'
equal "$(inside --cap-drop ALL base:1 grep CapEff /proc/self/status | tr -d '\t')" "CapEff:0000000000000000" "--cap-drop ALL"
equal "$(inside --cap-drop all --cap-add cap_chown base:1 grep CapEff /proc/self/status | tr -d '\t')" "CapEff:0000000000000001" "one capability"
exits_with 125 inside --cap-add nonsense base:1 true
contains "$(cat "$work/err")" 'unknown capability "nonsense"'
exits_with 1 inside --user 1000:1000 base:1 touch /x
exits_with 125 inside --user ghost base:1 true
contains "$(cat "$work/err")" "unable to find user ghost"

# Files.
mkdir "$work/folder"
cd "$work"
echo one >folder/one
equal "$(inside -v ./folder:/v base:1 ls /v)" "one" "a relative path"
inside -v "$work/missing:/v" base:1 touch /v/made
[[ -e $work/missing/made ]] || fail "the missing folder of -v is not made, as Docker does"
inside -v named:/v base:1 sh -c 'echo kept >/v/f'
equal "$(inside -v named:/v base:1 cat /v/f)" "kept" "a named volume"
equal "$(inside -v ./folder/one:/etc/f:ro base:1 cat /etc/f)" "one" "a single file"
exits_with 1 inside -v ./folder/one:/etc/f:ro base:1 sh -c 'echo x >/etc/f'
exits_with 125 inside --mount type=bind,src=./nope,dst=/x base:1 true
contains "$(cat "$work/err")" "$work/nope"
exits_with 125 inside -v folder base:1 true
exits_with 125 inside -v folder:/x:wat base:1 true
contains "$(inside --tmpfs /t:size=1m,mode=700 base:1 sh -c 'grep " /t " /proc/mounts; stat -c %a /t')" "size=1024k"
exits_with 126 inside --tmpfs /t base:1 sh -c 'cp /bin/busybox /t/echo; /t/echo hi'
equal "$(inside --tmpfs /t:exec base:1 sh -c 'cp /bin/busybox /t/echo; /t/echo hi')" "hi" "--tmpfs with exec"
printf 'A=1\nOF_OURS\n# comment\n\nC="q"\n' >env
equal "$(OF_OURS=ours imgb run --rm --env-file env -e A=2 base:1 sh -c 'echo $A $OF_OURS $C')" '2 ours "q"' "--env-file"
printf 'D = 5\n' >env
exits_with 125 inside --env-file env base:1 true
contains "$(cat "$work/err")" "env:1"
exits_with 125 inside --env-file nope base:1 true

# Names and network.
contains "$(inside --add-host db:10.1.2.3 base:1 cat /etc/hosts)" "10.1.2.3	db"
equal "$(inside --hostname box base:1 sh -c 'hostname; grep -c box /etc/hosts' | tr '\n' ' ')" "box 1 " "--hostname"
own=$(own_address)
if [[ -n $own ]]; then
  port=$(free_port)
  python3 -m http.server --bind "$own" --directory "$work/folder" "$port" >/dev/null 2>&1 &
  background+=($!)
  wait_until 20 curl -sf "http://$own:$port/one"
  equal "$(inside --add-host host:host-gateway base:1 wget -qO- "http://host:$port/one")" "one" "host-gateway leads to this host"
fi
equal "$(inside --network host base:1 readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)" "the host's network"
[[ $(inside base:1 readlink /proc/self/ns/net) != "$(readlink /proc/self/ns/net)" ]] || fail "the private network is the host's"

# Ports.
a=$(free_port) b=$(free_port)
while ((b == a)); do b=$(free_port); done
imgb run -d --name web -p "$a:80" -p "127.0.0.1:$b:80" -p 80 base:1 httpd -f -p 80 -h /bin >/dev/null
random=$(imgb ps --format '{{.Ports}}' | sed -n 's/.*, [0-9.]*:\([0-9]*\)->80.*/\1/p')
for port in "$a" "$b" "$random"; do wait_until 20 curl -sf -o /dev/null "http://127.0.0.1:$port/busybox"; done
exits_with 125 imgb run -d --name other -p "$a:80" base:1 sleep 9
contains "$(cat "$work/err")" "port $a"
exits_with 125 inside -p 99999:80 base:1 true
exits_with 125 inside -p 8000-8002:80 base:1 true
contains "$(cat "$work/err")" "same length"
imgb rm -f web other >/dev/null
imgb run -d --name ranges -p "$a-$((a)):80-80" -p "$b:53/udp" base:1 sleep 99 >/dev/null
contains "$(imgb ps --format '{{.Ports}}')" "$b->53/udp"
imgb rm -f ranges >/dev/null

# Limits.
equal "$(inside --ulimit nofile=100:200 base:1 sh -c 'ulimit -n; ulimit -Hn' | tr '\n' ' ')" "100 200 " "--ulimit"
contains "$(inside --shm-size 1m base:1 df -k /dev/shm)" " 1024 "

# Ends.
imgb run -d --name own-signal --stop-signal USR1 base:1 sh -c 'trap "echo usr1; exit 7" USR1; trap "" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null
wait_until 20 sh -c "'$IMGB' logs own-signal | grep -q ready"
imgb stop own-signal >/dev/null
contains "$(imgb logs own-signal)" "usr1"
contains "$(imgb ps -a)" "Exited (7)"
for signal in INT HUP QUIT USR1 USR2; do
  "$IMGB" run --rm base:1 sh -c "trap 'exit 5' $signal; echo ready; while :; do sleep 0.1; done" >"$work/$signal" &
  pid=$!
  background+=("$pid")
  wait_until 20 grep -q ready "$work/$signal"
  kill -"$signal" "$pid"
  code=0
  wait "$pid" || code=$?
  equal "$code" 5 "SIG$signal reaches the program"
done
exits_with 143 inside base:1 sh -c 'kill -TERM $$'
exits_with 125 inside --name 'bad name' base:1 true
exits_with 125 inside --stop-signal NOPE base:1 true

# -it without a terminal would wait for ever.
exits_with 125 imgb run --rm -it base:1 sh </dev/null
contains "$(cat "$work/err")" "no terminal"
