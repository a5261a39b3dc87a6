#!/bin/bash
# F27: where the kernel, or the filter of a container engine, refuses a system call, another way is taken, or the reason is
# one line.
source "$(dirname "$0")/lib.sh"
((EUID == 0)) || skip "needs root to refuse system calls"
: "${REFUSE:?the program that refuses system calls}"
base_image base
export SOURCE_DATE_EPOCH=1000000000
mkdir "$work/context"
printf 'FROM base\nRUN mkdir -p /etc /d && echo a >/d/a && echo b >/d/b\nRUN rm /d/a && mv /d/b /d/c\n' >"$work/context/Dockerfile"
build=(build --no-cache --network none "$work/context")
want=$(imgb "${build[@]}" 2>/dev/null)
without() { timeout 120 "$REFUSE" "$1" -- "$IMGB" "${@:2}"; }

# Without a word.
for call in clone3=ENOSYS keyctl=ENOSYS bpf=EPERM landlock_create_ruleset=ENOSYS \
  landlock_create_ruleset=EPERM seccomp=ENOSYS copy_file_range=ENOSYS; do
  exits_with 0 without "$call" "${build[@]}"
  equal "$(cat "$work/out")" "$want" "the image without $call"
  lacks "$(cat "$work/err")" "WARNING"
done
# Said.
exits_with 0 without unshare=EPERM "${build[@]}"
equal "$(cat "$work/out")" "$want" "the image without unshare"
contains "$(cat "$work/err")" "--security=compat"
for call in mount=EPERM fsopen=ENOSYS move_mount=EPERM mount_setattr=ENOSYS; do
  exits_with 0 without "$call" "${build[@]}"
  equal "$(cat "$work/out")" "$want" "the image without $call"
  equal "$(grep -c -- "--isolation=chroot" "$work/err")" 1 "how often it is said"
done
# Nothing goes without it.
for error in ENOSYS EPERM; do
  exits_with 1 without "openat2=$error" "${build[@]}"
  contains "$(cat "$work/err")" "openat2"
done
