# A failure names file, line, source and what to do; logs are harmless for a terminal (V52).
. "$SOURCE/tests/system/lib.sh"

base_image base:1
mkdir "$work/c"
cd "$work/c"

printf 'FROM base:1\nRUN echo before && false\n' >Dockerfile
exits_with 1 imgb build --progress=plain .
err=$(cat "$work/err")
contains "$err" "Dockerfile:2"
contains "$err" ">>> RUN echo before && false"
contains "$err" "before"
contains "$err" "exit code: 1"
equal "$(cat "$work/out")" "" "no result"

# refuses DOCKERFILE TEXT [FLAG...]: the build of it fails and says this.
refuses() {
  local text=$2
  printf "$1" >Dockerfile
  shift 2
  exits_with 1 imgb build "$@" .
  contains "$(cat "$work/err")" "$text"
}
touch requirements.txt App.py
refuses 'FROM base:1\nRUM x\n' "did you mean RUN?"
refuses 'FROM base:1\nCOPY nothing /\n' "Dockerfile:2"
refuses 'FROM base:1\nCOPY requirement.txt /\n' "did you mean requirements.txt?"
refuses 'FROM base:1\nCOPY app.py /\n' "did you mean App.py?"
refuses 'FROM base:1 AS build\nFROM base:1\nCOPY --from=biuld /x /\n' "did you mean" --pull=never
contains "$(cat "$work/err")" "build?"
# Every instruction, one letter short.
for word in FRM CPY AD EN AR LABL EXPOS USR VOLUM WORKDI STOPSIGNA SHEL CM ENTRYPOIN HEALTHCHEC ONBUIL MAINTAINE; do
  refuses "FROM base:1\\n$word x\\n" "did you mean"
done
refuses 'FROM base:1\nAGR x\n' "did you mean ARG?"
refuses 'FROM base:1 AS first\n' "first" --target frist
rm Dockerfile
exits_with 1 imgb build .
contains "$(cat "$work/err")" "Dockerfile"

printf 'FROM base:1\nRUN printf "\\033]0;title\\007\\033[2Jcleared\\033[31mred\\007\\n\\377\\n"\n' >Dockerfile
exits_with 0 imgb build --progress=plain .
finds_nothing "an escape sequence came through" grep -a $'\x1b' "$work/err"
contains "$(cat "$work/err")" "clearedred"

printf 'FROM base:1\nRUN echo line\n' >Dockerfile
imgb build --no-cache --progress=json . 2>"$work/json" >/dev/null
python3 - "$work/json" <<'PY'
import json, sys
events = [json.loads(line) for line in open(sys.argv[1])]
assert any(e["event"] == "log" and e["text"] == "line\n" for e in events), events
PY
contains "$(imgb build --progress=plain . 2>&1)" "CACHED"
equal "$(imgb build -q . 2>&1 | wc -l)" 1 "-q prints the id alone"

# Places that cannot be written, and full ones.
if [[ $(id -u) == 0 ]]; then
  chmod 755 "$work"
  exits_with 1 setpriv --reuid 65534 --regid 65534 --clear-groups "$IMGB" --root "$work/none/store" images
  contains "$(cat "$work/err")" "create folder $work/none: Permission denied"
  mkdir "$work/small"
  if mount -t tmpfs -o size=600k none "$work/small" 2>/dev/null; then
    exits_with 1 imgb --root "$work/small/store" build "$work/base"
    umount "$work/small"
    contains "$(cat "$work/err")" "No space left on device"
    contains "$(cat "$work/err")" "imgb prune frees"
  fi
fi
