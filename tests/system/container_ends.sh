# How containers and what is executed in them end: by themselves, by signals, and with whoever looked after them.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
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
