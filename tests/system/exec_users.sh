# Users of `run` and `exec` come from the files that the container has: those of the image for `run`, as they are now for `exec`.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
cat >"$work/Dockerfile" <<'D'
FROM base:1
RUN mkdir -p /etc /real && echo 'root:x:0:0::/root:/bin/sh' >/etc/passwd && echo 'app:x:500:501::/home/app:' >>/etc/passwd && echo 'app:x:501:' >/etc/group && echo 'more:x:502:app' >>/etc/group
RUN sed -i s/500/600/ /etc/passwd
RUN mv /etc/group /real/group && ln -s ../real/group /etc/group
D
imgb build -q -t users:1 "$work" >/dev/null
equal "$(imgb run --rm -u app users:1 sh -c 'id -u; id -G; echo $HOME' | tr '\n' ' ')" "600 501 502 /home/app " "from the topmost layer, through a link"
equal "$(imgb run --rm -u 600 users:1 sh -c 'id -u; id -g; echo $HOME' | tr '\n' ' ')" "600 501 /home/app " "by number"
equal "$(imgb run --rm -u 600:7 users:1 sh -c 'id -g; echo $HOME' | tr '\n' ' ')" "7 /home/app " "HOME of a pair of numbers"
printf 'FROM users:1\nRUN rm /etc/passwd\n' >"$work/Dockerfile"
imgb build -q -t nobody:1 "$work" >/dev/null
exits_with 125 imgb run --rm -u app nobody:1 true
contains "$(cat "$work/err")" "unable to find user app"
# Nothing is read for numbers with HOME set: not even a broken file is in the way.
printf 'FROM base:1\nRUN mkdir -p /etc && ln -s loop /etc/passwd && ln -s passwd /etc/loop\n' >"$work/Dockerfile"
imgb build -q -t broken:1 "$work" >/dev/null
equal "$(imgb run --rm -u 5:6 -e HOME=/x broken:1 id -u)" 5 "numbers"

imgb run -d --name box users:1 sleep 300 >/dev/null
exits_with 1 imgb exec -u late box true
imgb exec box sh -c 'echo late:x:700:700::/late: >>/etc/passwd'
equal "$(imgb exec -u late box sh -c 'id -u; echo $HOME' | tr '\n' ' ')" "700 /late " "a user added at run time"
# What the program puts there cannot hurt: a fifo, a link out, much too much.
imgb exec box sh -c 'rm /etc/passwd; mkfifo /etc/passwd'
exits_with 1 timeout 20 "$IMGB" exec -u late box true
contains "$(cat "$work/err")" "unable to find user late"
imgb exec box true || fail "nobody gets in any more"
imgb rm -f box >/dev/null
imgb run -d --name box -e HOME=/r users:1 sleep 300 >/dev/null
imgb exec box sh -c 'rm /etc/passwd; ln -s /proc/1/root/etc/shadow /etc/passwd; ln -sf ../../../../../../../etc/group /etc/group'
imgb exec -u 1:1 box true || fail "numbers need no file"
code=0
imgb exec -u messagebus box id -u >"$work/out" 2>&1 || code=$?
((code != 0)) || fail "a user of the host was taken: $(cat "$work/out")"

# exec -d: in the background, with its own way to fail.
imgb exec -d box sh -c 'echo $0 $A >/made; sleep 300' || fail "exec -d"
wait_until 20 imgb exec box test -e /made
imgb exec -d -e A=b -w /real -u 0:0 box sh -c 'pwd >/where; echo $A >>/where'
wait_until 20 imgb exec box grep -q b /where
equal "$(imgb exec box cat /where)" $'/real\nb' "flags of exec -d"
exits_with 127 imgb exec -d box no-such-command
exits_with 1 imgb exec -d nosuch true
SECONDS=0
imgb rm -f box >/dev/null
finds_nothing "what exec -d started ends with its container" pgrep -f "__exec $IMGB_ROOT"
