# Commands that take several names do what they can for each, tell what failed, and exit with 1.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
for name in one two three; do imgb run -d --name $name base:1 sleep 300 >/dev/null; done
exits_with 1 imgb stop -t 0 nosuch one alsonot two
equal "$(tr '\n' ' ' <"$work/out")" "one two " "stop"
contains "$(cat "$work/err")" "nosuch"
contains "$(cat "$work/err")" "alsonot"
equal "$(imgb ps --format '{{.Names}}')" "three" "what runs after stop"
exits_with 1 imgb rm one three two
equal "$(tr '\n' ' ' <"$work/out")" "one two " "rm"
contains "$(cat "$work/err")" "three"
equal "$(imgb ps -a --format '{{.Names}}')" "three" "what is left after rm"
exits_with 1 imgb inspect -f '{{.Name}}' nosuch three
contains "$(cat "$work/out")" "three"
contains "$(cat "$work/err")" "nosuch"
imgb rm -f three >/dev/null
imgb tag base:1 other:1
imgb tag base:1 another:1
exits_with 1 imgb rmi nosuch:1 other:1 not:there another:1
contains "$(cat "$work/err")" "nosuch"
contains "$(cat "$work/err")" "not:there"
equal "$(imgb images --format '{{.Repository}}')" "base" "rmi"
start_registry
publish base:1 here:1
exits_with 1 imgb pull "$registry/nosuch:1" "$registry/here:1"
contains "$(cat "$work/err")" "nosuch"
imgb inspect "$registry/here:1" >/dev/null || fail "pull stopped at the first failure"
