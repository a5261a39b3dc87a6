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

# a step and a container see the root's own mode and owner, and so does a step after a step
mkdir -p "$work/odd/bin"
cp /bin/busybox "$work/odd/bin/busybox"
chmod 0711 "$work/odd"
tar -C "$work/odd" --owner=5 --group=6 -cf "$work/odd.tar" .
imgb import "$work/odd.tar" odd >/dev/null
equal "$(imgb run --rm --network none odd /bin/busybox stat -c '%a %u:%g' /)" "711 5:6" "the root in a container"
mkdir "$work/odd-app"
printf 'FROM odd\nSHELL ["/bin/busybox", "sh", "-c"]\nRUN /bin/busybox stat -c "%%a %%u:%%g" / >/first\nRUN /bin/busybox stat -c "%%a %%u:%%g" / >/second\n' >"$work/odd-app/Dockerfile"
imgb build -q --network none -t odd-app "$work/odd-app" >/dev/null
equal "$(imgb run --rm --network none odd-app /bin/busybox cat /first /second | tr '\n' ' ')" "711 5:6 711 5:6 " "the root in steps"
