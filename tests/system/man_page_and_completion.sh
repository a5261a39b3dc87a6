# Both are written by the program from the descriptions that parse the command line.
. "$SOURCE/tests/system/lib.sh"

"$IMGB" __man >"$work/imgb.1"
contains "$(cat "$work/imgb.1")" "no\\-cache"
if command -v man >/dev/null; then
  warnings=$(MANWIDTH=80 man -l --warnings "$work/imgb.1" 2>&1 >/dev/null)
  equal "$warnings" "" "roff warnings"
fi
"$IMGB" __completion bash >"$work/imgb.bash"
bash -n "$work/imgb.bash"

complete_words() { # complete_words WORD...: what is offered for the last word
  IMGB="$IMGB" bash -c '
    imgb() { "$IMGB" "$@"; }
    compopt() { :; }
    source "$0"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _imgb
    printf "%s\n" "${COMPREPLY[@]}"' "$work/imgb.bash" "$@"
}
contains "$(complete_words imgb bu)" "build"
contains "$(complete_words imgb build --no-)" "--no-cache"
contains "$(complete_words imgb build --progress pl)" "plain"
contains "$(complete_words imgb debug ex)" "expand"
contains "$(complete_words imgb run --net)" "--network"
