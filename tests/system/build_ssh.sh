# RUN --mount=type=ssh: an agent's socket, and key files for which imgb is the agent, used by OpenSSH inside the step.
. "$SOURCE/tests/system/lib.sh"

# A base with OpenSSH's programs and their libraries.
mkdir -p "$work/base/bin" "$work/base/etc"
cp /bin/busybox "$work/base/bin/"
for applet in sh cat ls grep stat; do ln -s busybox "$work/base/bin/$applet"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/base/etc/passwd"
for program in ssh-add ssh-keygen; do
  cp "$(command -v "$program")" "$work/base/bin/"
  ldd "$(command -v "$program")" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$work/base$(dirname "$library")"
    cp -L "$library" "$work/base$library"
  done
done
printf 'FROM scratch\nCOPY . /\nENV PATH=/bin\n' | imgb build -q -t ssh:1 -f - "$work/base" >/dev/null

mkdir "$work/c"
cd "$work/c"
for kind in ed25519 rsa ecdsa; do ssh-keygen -q -t "$kind" -N '' -C "key $kind" -f "$work/$kind"; done
ssh-keygen -q -t rsa -m PEM -N '' -f "$work/pem"
ssh-keygen -q -t ed25519 -N secret -f "$work/locked"
cp "$work"/*.pub .
echo data >data
for kind in ed25519 rsa ecdsa pem; do echo "me $(cat "$work/$kind.pub")"; done >signers
# signs ID: a step that signs with every key that the agent has, and checks it
cat >Dockerfile <<'EOF'
FROM ssh:1
RUN --network=none --mount=type=ssh,id=mine --mount=target=/ctx \
    ssh-add -l && for key in ed25519 rsa ecdsa pem; do \
      ssh-add -L | grep -q "$(cat /ctx/$key.pub | grep -o 'AAAA[^ ]*')" || continue; \
      ssh-keygen -Y sign -f /ctx/$key.pub -n test </ctx/data >/sig 2>/err || { cat /err; exit 1; }; \
      ssh-keygen -Y verify -f /ctx/signers -I me -n test -s /sig </ctx/data; done
EOF
keys="$work/ed25519,$work/rsa,$work/ecdsa,$work/pem"
imgb build --no-cache --progress plain --ssh "mine=$keys" . >"$work/log" 2>&1 || fail "$(cat "$work/log")"
equal "$(grep -c 'Good "test" signature' "$work/log")" 4 "signatures of key files"
contains "$(cat "$work/log")" "key ed25519"

# A step cannot change the agent.
printf 'FROM ssh:1\nRUN --network=none --mount=type=ssh ssh-add -D; ssh-add -l\n' >change
imgb build --no-cache --progress plain -f change --ssh "default=$work/ed25519" . >"$work/log" 2>&1 || fail "$(cat "$work/log")"
contains "$(cat "$work/log")" "Failed to remove all identities"
contains "$(cat "$work/log")" "(ED25519)"

# A real agent.
eval "$(ssh-agent -a "$work/agent")" >/dev/null
background+=("$SSH_AGENT_PID")
ssh-add -q "$work/ed25519" "$work/rsa"
imgb build --no-cache --progress plain --ssh mine . >"$work/log" 2>&1 || fail "$(cat "$work/log")"
equal "$(grep -c 'Good "test" signature' "$work/log")" 2 "signatures of an agent"
imgb build --no-cache -q --ssh "mine=$work/agent" . >/dev/null

# What cannot be.
exits_with 1 imgb build --ssh "mine=$work/locked" .
contains "$(cat "$work/err")" "it has a passphrase"
contains "$(cat "$work/err")" "ssh-add"
exits_with 1 imgb build --ssh "mine=$work/ed25519.pub" .
contains "$(cat "$work/err")" "it is no private key"
exits_with 1 imgb build --ssh "mine=$work/nothing" .
exits_with 1 env -u SSH_AUTH_SOCK "$IMGB" build --ssh mine .
contains "$(cat "$work/err")" "SSH_AUTH_SOCK is not set"
printf 'FROM ssh:1\nRUN --mount=type=ssh,required true\n' >required
exits_with 1 imgb build --no-cache -f required .
contains "$(cat "$work/err")" "--ssh default"
