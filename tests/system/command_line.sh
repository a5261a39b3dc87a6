# Wrong words, help, exit codes, and what goes where.
. "$SOURCE/tests/system/lib.sh"

exits_with 0 imgb --help
contains "$(cat "$work/out")" "build"
exits_with 2 imgb
exits_with 2 imgb biuld
contains "$(cat "$work/err")" "did you mean build?"
equal "$(cat "$work/out")" "" "nothing but results on standard output"
exits_with 2 imgb build --tga x .
contains "$(cat "$work/err")" "did you mean --tag?"
exits_with 2 imgb tag
contains "$(cat "$work/err")" "IMAGE is missing"
exits_with 125 imgb run --nonsense x
exits_with 1 imgb inspect nothing
contains "$(cat "$work/err")" "no such image: nothing"
exits_with 0 imgb images --help
exits_with 2 imgb --progress=fancy images
contains "$(imgb version)" "imgb "
imgb version --format json | python3 -c 'import json,sys; assert json.load(sys.stdin)["platform"].startswith("linux/")'

# A reader that goes away is no failure of ours; closed descriptors are not the store's files.
imgb --help | head -1 >/dev/null
exits_with 1 sh -c "\"$IMGB\" images >&-"
contains "$(cat "$work/err")" "standard output"
exits_with 1 sh -c "\"$IMGB\" images >/dev/full"
contains "$(cat "$work/err")" "No space left on device"
"$IMGB" images 0<&- 1>"$work/out" 2>&-
contains "$(cat "$work/out")" "REPOSITORY"

# Someone else's store is refused (V95).
if [[ $(id -u) == 0 ]]; then
  mkdir "$work/theirs"
  chown 65534 "$work/theirs"
  exits_with 1 imgb --root "$work/theirs" images
fi
