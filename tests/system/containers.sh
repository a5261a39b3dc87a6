# Detached containers: run -d, ps, logs, exec, stop, rm, inspect.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
id=$(imgb run -d --name web -e NAME=you base:1 sh -c 'echo started $NAME; echo problem >&2; trap "exit 0" TERM; while :; do sleep 0.1; done')
equal "${#id}" 64 "the id is printed"
contains "$(imgb ps)" "web"
equal "$(imgb ps --format '{{.Names}} {{.State}}')" "web running" "state"
equal "$(imgb inspect -f '{{.State.Running}}' web)" "true" "inspect"
wait_until 20 sh -c "'$IMGB' logs web 2>&1 | grep -q problem"
equal "$(imgb logs web 2>/dev/null)" "started you" "log of standard output"
equal "$(imgb logs web 2>&1 >/dev/null)" "problem" "log of standard error"
equal "$(imgb exec web sh -c 'echo $NAME')" "you" "exec sees the variables"
exits_with 4 imgb exec web sh -c 'exit 4'
exits_with 127 imgb exec web no-such-command
exits_with 125 imgb run -d --name web base:1 true
exits_with 1 imgb rm web
contains "$(cat "$work/err")" "is running"
exits_with 1 imgb rmi base:1
equal "$(imgb stop web)" "web" "stop"
equal "$(imgb ps -q | wc -l)" 0 "it ended"
contains "$(imgb ps -a)" "Exited (0)"
equal "$(imgb logs --tail 1 web 2>&1)" "problem" "the log stays"
exits_with 1 imgb exec web true
equal "$(imgb rm web)" "web" "rm"
exits_with 1 imgb logs web

imgb run -d --rm --name short base:1 true >/dev/null
wait_until 20 sh -c "! '$IMGB' ps -aq | grep -q ."
imgb run -d --name stubborn --stop-timeout 1 base:1 sh -c 'trap "" TERM; while :; do sleep 0.1; done' >/dev/null
imgb rm -f stubborn >/dev/null
equal "$(imgb ps -aq | wc -l)" 0 "rm -f removes what runs"

# Following a log ends with the container.
imgb run -d --name talker base:1 sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done' >/dev/null
equal "$(imgb logs -f talker | tr '\n' ' ')" "1 2 3 " "follow"
exits_with 2 imgb ps -f status=foo
contains "$(cat "$work/err")" "created, running or exited"
exits_with 2 imgb ps -f colour=red
