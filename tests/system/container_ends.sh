# How containers and what is executed in them end: by themselves, by signals, and with whoever looked after them.
. "$SOURCE/tests/system/lib.sh"

at_end() { for point in "$work/small" "$work/busy"; do ! mountpoint -q "$point" || umount -l "$point"; done; }
base_image base:1
ended() { [[ $(imgb ps -a --filter "name=$1" --format '{{.State}}') == exited ]]; }
gone() { ! pgrep -f "$1"; }

# What was executed ends with the imgb that executed it.
imgb run -d --network none --name host base:1 sleep 86399 >/dev/null
"$IMGB" exec host sh -c 'sleep 86399.41; echo' &
pid=$!
background+=("$pid")
wait_until 20 pgrep -f '^sleep 86399.41'
kill -KILL "$pid"
wait_until 20 gone '^sleep 86399.41'
equal "$(imgb ps --format '{{.State}}')" "running" "the container goes on"
imgb rm -f host >/dev/null

# A stop signal is the program's alone, whichever it is: who looks after it lives on and writes down how it ended.
for case in KILL:137 ABRT:134 STOP:137 RTMIN+3:165; do
  signal=${case%:*}
  imgb run -d --network none --name stopped --stop-signal "$signal" base:1 sleep 86399 >/dev/null
  exits_with 0 timeout 30 "$IMGB" stop -t 1 stopped
  contains "$(imgb ps -a)" "Exited (${case#*:}) "
  lacks "$(imgb ps -a)" "years"
  imgb rm stopped >/dev/null
done
"$IMGB" run --network none --rm --name front --stop-signal RTMIN+3 base:1 sleep 86399 &
pid=$!
background+=("$pid")
wait_until 20 imgb exec front true
imgb stop front >/dev/null
code=0
wait "$pid" || code=$?
equal "$code" 165 "a container in the foreground, stopped"

# Whoever was killed while looking after one knows no time.
imgb run -d --network none --name orphan base:1 sleep 86399 >/dev/null
kill -KILL "$(pgrep -f "__supervise $IMGB_ROOT ")"
wait_until 20 ended orphan
contains "$(imgb ps -a)" "Exited (137)"
lacks "$(imgb ps -a)" "years"
imgb rm orphan >/dev/null

# What has ended can be removed, however long it takes to take it down.
mkdir "$work/v"
many='i=0; mkdir /d; while [ $i -lt 20000 ]; do : >/d/$i; i=$((i+1)); done; : >/v/done'
for force in "" -f; do
  rm -f "$work/v/done"
  imgb run -d --network none --name many -v "$work/v:/v" base:1 sh -c "$many" >/dev/null
  wait_until 60 test -e "$work/v/done"
  [[ $force ]] || wait_until 60 ended many
  exits_with 0 imgb rm $force many
done

# Output is kept up to a bound, the newest of it, and followed across it.
imgb run -d --network none --name talker base:1 sh -c 'yes 0123456789012345678901234567890123456789 | head -c 45000000; echo; echo last' >/dev/null
timeout 60 "$IMGB" logs -f talker >"$work/followed"
equal "$(tail -n 1 "$work/followed")" "last" "the end of a long log, followed"
wait_until 20 ended talker
equal "$(imgb logs talker | tail -n 1)" "last" "the end of a long log"
(($(du -sm "$IMGB_ROOT/containers" | cut -f1) <= 34)) || fail "a log takes $(du -sm "$IMGB_ROOT/containers")"
imgb rm talker >/dev/null

# A program that could not be started has Docker's exit codes in the background too.
exits_with 127 imgb run -d --network none --name nosuch base:1 no-such-program
equal "$(imgb inspect -f '{{.State.ExitCode}}' nosuch)" 127
exits_with 126 imgb run -d --network none --rm base:1 /bin
exits_with 125 imgb run -d --network none --rm --user ghost base:1 true
imgb rm nosuch >/dev/null

# Standard input of a container in the background stays open with -i.
imgb run -d -i --network none --name reader base:1 cat >/dev/null
contains "$(imgb exec reader readlink /proc/2/fd/0)" "pipe:"
imgb rm -f reader >/dev/null

# What is executed in a container is as the container is.
imgb run -d --network none --name like --hostname box --ulimit nofile=100:200 --pids-limit -1 base:1 sleep 86399 >/dev/null
equal "$(imgb exec like sh -c 'echo $HOSTNAME; ulimit -Sn; ulimit -Hn' | tr '\n' ' ')" "box 100 200 " "exec"
imgb rm -f like >/dev/null
exits_with 0 imgb run --rm --network none --pids-limit 0 base:1 true
equal "$(imgb run --rm --network none --ulimit nofile=8 base:1 sh -c 'ulimit -n')" 8 "fewer files than the sandbox needs"

((EUID == 0)) || exit 0
# Nothing of the caller's current folder is kept.
mkdir "$work/busy" "$work/small"
mount -t tmpfs none "$work/busy"
(cd "$work/busy" && imgb run -d --network none --name away base:1 sleep 86399 >/dev/null)
exits_with 0 umount "$work/busy"
imgb rm -f away >/dev/null

# A disk that is full is no reason for a container to end; what it wrote meanwhile is missing, and that is said.
mount -t tmpfs -o size=320m none "$work/small"
(
  export IMGB_ROOT=$work/small/store
  imgb build -q -t base:1 "$work/base" >/dev/null
  imgb run -d --network none --name full -v "$work/v:/v" base:1 \
    sh -c 'echo first; until [ -e /v/full ]; do sleep 0.1; done; yes | head -c 100000; : >/v/wrote; until [ -e /v/room ]; do sleep 0.1; done; echo last; exit 7' >/dev/null
  head -c 400m /dev/zero >"$work/small/fill" 2>/dev/null || :
  : >"$work/v/full"
  wait_until 20 test -e "$work/v/wrote"
  equal "$(imgb ps --format '{{.State}}')" running "on a full disk"
  rm "$work/small/fill"
  : >"$work/v/room"
  wait_until 20 ended full
  contains "$(imgb ps -a)" "Exited (7)"
  contains "$(imgb logs full 2>&1)" "bytes are missing here"
  contains "$(imgb logs full 2>&1)" "last"
  rm -f "$work/v/full" "$work/v/wrote"
  imgb run -d --network none --name stays -v "$work/v:/v" base:1 sh -c 'until [ -e /v/full ]; do sleep 0.1; done; yes | head -c 100000; exit 8' >/dev/null
  head -c 400m /dev/zero >"$work/small/fill" 2>/dev/null || :
  : >"$work/v/full"
  wait_until 20 ended stays
  contains "$(imgb ps -a)" "Exited (8)"
  rm "$work/small/fill"
  imgb rm -f full stays >/dev/null
)
