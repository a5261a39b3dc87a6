# Where a build's input may come from: archives of every kind, standard input, other folders, other images.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
mkdir -p "$work/c/sub" "$work/named"
cd "$work"
echo content >c/file
echo s >c/sub/s
echo n >named/n
printf 'FROM base:1\nCOPY . /c\n' >c/Dockerfile
printf 'FROM base:1\nLABEL other=1\nCOPY . /c\n' >c/other
want=$(imgb build -q c)
tar -C c -cf c.tar .
gzip -k c.tar
xz -k c.tar
bzip2 -k c.tar
zstd -q c.tar
for archive in c.tar c.tar.gz c.tar.xz c.tar.bz2 c.tar.zst; do
  equal "$(imgb build -q "$archive")" "$want" "$archive as context"
  equal "$(imgb build -q - <"$archive")" "$want" "$archive as standard input"
  equal "$(cat "$archive" | imgb build -q -)" "$want" "$archive through a pipe"
done

# The Dockerfile.
other=$(imgb build -q -f c/other c)
cp c/other elsewhere
equal "$(imgb build -q -f elsewhere c)" "$other" "a Dockerfile outside of the context"
equal "$(imgb build -q -f - c <elsewhere)" "$other" "-f -"
equal "$(imgb build -q -f other - <c.tar)" "$other" "-f in an archive"
exits_with 1 imgb build -f other c
contains "$(cat "$work/err")" "did you mean c/other?"
mkdir spelled
printf 'FROM base:1\n' >spelled/Containerfile
exits_with 1 imgb build spelled
contains "$(cat "$work/err")" "did you mean -f spelled/Containerfile?"
exits_with 2 imgb build
contains "$(cat "$work/err")" "imgb build ."
exits_with 1 imgb build nowhere
contains "$(cat "$work/err")" "there is no nowhere"
exits_with 1 imgb build - </dev/null
exits_with 1 imgb build git@example.test:a/b.git

# Named contexts.
printf 'FROM ex AS y\nCOPY --from=named n /n\nRUN --network=none --mount=from=named,target=/m cmp /m/n /n\n' >named.Dockerfile
imgb save --format oci-dir -o layout base:1
digest=$(jq -r '.manifests[0].digest' layout/index.json)
want=$(imgb build -q -f named.Dockerfile --build-context named=named --build-context ex=docker-image://base:1 c)
for source in oci-layout://layout oci-layout://layout:1 "oci-layout://layout@$digest" "oci-layout://$work/layout:1"; do
  equal "$(imgb build -q -f named.Dockerfile --build-context named=named --build-context "ex=$source" c)" "$want" "$source"
done
tar -C named -cf named.tar .
imgb build -q -f named.Dockerfile --build-context named=named.tar --build-context ex=docker-image://base:1 c >/dev/null
for source in oci-layout://layout:nope oci-layout://nope "oci-layout://layout@sha256:$(printf '0%.0s' {1..64})" nope; do
  exits_with 1 imgb build -f named.Dockerfile --build-context named=named --build-context "ex=$source" c
done
exits_with 2 imgb build --build-context named c
imgb build -q --build-context alpine:3=docker-image://base:1 - >/dev/null <<<'FROM alpine:3'
