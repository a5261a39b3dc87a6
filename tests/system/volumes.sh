# Volumes of `imgb run`: new ones begin with what the image has, in its owners and modes; options that scripts use.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
# Two layers, so that what the upper one removed, replaced and hid is not in the volume.
cat >"$work/Dockerfile" <<'D'
FROM base:1
RUN mkdir -p /data/kept /data/hidden /data/gone && echo lower >/data/kept/a && echo lower >/data/kept/b && echo x >/data/hidden/x && chmod 700 /data/kept
RUN rm -r /data/gone /data/kept/b /data/hidden && mkdir /data/hidden && echo upper >/data/kept/c && ln -s kept/a /data/link && chown -R 1000:1001 /data && chmod 2750 /data && cp /bin/busybox /data/tool && chmod 4755 /data/tool
RUN ln -s data /short
USER 1000
D
imgb build -q -t data:1 "$work" >/dev/null
shown='find /data -exec stat -c "%n %a %u %g %Y %F" {} + | sort; cat /data/kept/a'
want=$(imgb run --rm data:1 sh -c "$shown")
contains "$want" "/data 2750 1000 1001"
equal "$(imgb run --rm -v new:/data data:1 sh -c "$shown")" "$want" "a new named volume"
imgb run --rm -v new:/data data:1 sh -c 'echo mine >/data/mine; rm /data/kept/a' || fail "the image's user cannot write into the volume"
equal "$(imgb run --rm -v new:/data data:1 sh -c 'cat /data/mine; ls /data/kept')" $'mine\nc' "a volume that exists is left as it is"
equal "$(imgb run --rm -v short:/short data:1 ls /short/kept)" $'a\nc' "through a link of the image"
equal "$(imgb run --rm -v /data data:1 sh -c "$shown; echo x >/data/x")" "$want" "an anonymous volume"
equal "$(imgb run --rm --read-only -v /data data:1 sh -c 'echo x >/data/x; cat /data/x')" "x" "an anonymous volume can be written"
equal "$(imgb run --rm --mount type=volume,dst=/data data:1 ls /data/kept)" $'a\nc' "--mount without a name"
equal "$(imgb run --rm -v empty:/data:nocopy -u 0 base:1 ls -A /data)" "" "nocopy"
equal "$(imgb run --rm --mount type=volume,src=empty2,dst=/data,volume-nocopy -u 0 base:1 ls -A /data)" "" "volume-nocopy"
equal "$(imgb run --rm -v nothing-there:/nowhere base:1 stat -c '%a %u' /nowhere)" "755 0" "where the image has nothing"
# Eight that want one new volume at once: each finds it whole.
for i in $(seq 8); do imgb run --rm -v shared:/data data:1 cat /data/kept/a >"$work/$i" & pids[i]=$!; done
for i in $(seq 8); do wait "${pids[i]}" || fail "run $i"; equal "$(cat "$work/$i")" "lower" "run $i"; done
# What lies below another volume comes after it, whatever the order.
mkdir -p "$work/outer" "$work/inner"
echo in >"$work/inner/f"
equal "$(imgb run --rm -v "$work/inner:/v/inner" -v "$work/outer:/v" base:1 cat /v/inner/f)" "in" "order of mounts"
equal "$(imgb run --rm -v "$work/inner:/v:rprivate,ro" base:1 cat /v/f)" "in" "rprivate"
exits_with 125 imgb run --rm -v "$work/inner:/v:rslave" base:1 true
contains "$(cat "$work/err")" "rslave is not supported"
exits_with 125 imgb run --rm --mount "type=bind,src=$work/inner,dst=/v,bind-propagation=shared" base:1 true
contains "$(cat "$work/err")" "shared is not supported"
equal "$(imgb run --rm --tmpfs /t:uid=7,gid=8,mode=750 base:1 stat -c '%u %g %a' /t)" "7 8 750" "--tmpfs uid, gid"

# Errors name the flag, not the machinery.
exits_with 125 imgb run --rm -v "$work/inner/f:/bin" base:1 true
contains "$(cat "$work/err")" "-v $work/inner/f:/bin"
contains "$(cat "$work/err")" "a file cannot be mounted over /bin"
exits_with 125 imgb run --rm -v "$work/inner:/bin/busybox" base:1 true
contains "$(cat "$work/err")" "-v $work/inner:/bin/busybox: mount target /bin/busybox: Not a directory"
exits_with 125 imgb run --rm -w /bin/busybox base:1 true
contains "$(cat "$work/err")" "working folder /bin/busybox"
exits_with 125 imgb run --rm -v /proc:/proc base:1 true
imgb run --rm --privileged -v /sys/fs/cgroup:/sys/fs/cgroup base:1 ls /sys/fs/cgroup >/dev/null 2>"$work/err" || fail "$(cat "$work/err")"

# Files of the network are the container's own: it may change them.
equal "$(imgb run --rm base:1 sh -c 'echo 10.1.1.1 extra >>/etc/hosts && echo nameserver 10.9.9.9 >/etc/resolv.conf && grep -c extra /etc/hosts && cat /etc/resolv.conf')" $'1\nnameserver 10.9.9.9' "hosts and resolv.conf"
exits_with 125 imgb run --rm --dns foo base:1 true
contains "$(cat "$work/err")" "--dns is the address of a name server"
equal "$(imgb run --rm --dns 10.1.1.1 --dns fd00::1 base:1 cat /etc/resolv.conf)" $'nameserver 10.1.1.1\nnameserver fd00::1' "--dns"
imgb run --rm --network host -p 8080:80 base:1 true 2>"$work/err"
contains "$(cat "$work/err")" "published ports are discarded"
