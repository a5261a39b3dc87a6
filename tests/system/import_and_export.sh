# A root file system in and out as a tar.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
imgb export -o "$work/root.tar" base:1
contains "$(tar -tf "$work/root.tar")" "bin/busybox"
imgb export base:1 | cmp - "$work/root.tar"
id=$(imgb import -m "from a test" "$work/root.tar" again:1)
equal "$(imgb inspect -f '{{.Id}}' again:1)" "$id" "the id is printed"
contains "$(imgb history again:1)" "from a test"
imgb import -c 'ENV A=b' -c 'CMD ["/bin/true"]' - changed:1 <"$work/root.tar" >/dev/null
equal "$(imgb inspect -f '{{json .Config.Cmd}}' changed:1)" '["/bin/true"]' "a changed command"
contains "$(imgb inspect -f '{{json .Config.Env}}' changed:1)" '"A=b"'
mkdir "$work/a" "$work/b"
tar -xf "$work/root.tar" -C "$work/a"
imgb export again:1 | tar -xf - -C "$work/b"
diff -r --no-dereference "$work/a" "$work/b"
