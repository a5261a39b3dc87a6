# What goes into a build and where its result goes.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
mkdir "$work/c"
cd "$work/c"
echo content >file
printf 'FROM base:1\nARG WHO=nobody\nLABEL who=$WHO\nCOPY file /file\n' >Dockerfile

id=$(imgb build -q -t x:1 --build-arg WHO=me --label more=yes --iidfile id --metadata-file meta .)
equal "$(cat id)" "$id" "iidfile"
equal "$(imgb inspect -f '{{.Config.Labels.who}} {{.Config.Labels.more}}' x:1)" "me yes" "labels"
python3 - <<PY
import json
meta = json.load(open("meta"))
assert meta["containerimage.config.digest"] == "$id", meta
assert meta["containerimage.descriptor"]["digest"] == meta["containerimage.digest"], meta
assert meta["image.name"] == "docker.io/library/x:1", meta
PY
equal "$(imgb build -q --build-arg WHO=me --label more=yes .)" "$id" "the same input gives the same image"

# Dockerfile: -f, from standard input, own ignore file, lower case.
printf 'FROM base:1\nCOPY . /all\n' >other
printf 'file\n' >other.dockerignore
imgb build -q -t other -f other . >/dev/null
imgb export other | tar -t >"$work/list"
lacks "$(cat "$work/list")" "all/file"
contains "$(cat "$work/list")" "all/other"
printf 'FROM base:1\nLABEL from=stdin\n' | imgb build -q -t stdin -f - . >/dev/null
printf 'FROM base:1\nLABEL from=stdin\n' | imgb build -q -t stdin2 - >/dev/null
equal "$(imgb inspect -f '{{.Config.Labels.from}}' stdin) $(imgb inspect -f '{{.Config.Labels.from}}' stdin2)" "stdin stdin"
tar -c . | imgb build -q -t tarred -f other - >/dev/null
tar -czf "$work/c.tgz" .
imgb build -q -t tarred2 "$work/c.tgz" >/dev/null
equal "$(imgb export tarred2 | tar -xO file)" "content" "tar context"

# Outputs.
imgb build -q -o "$work/out-folder" . >/dev/null
equal "$(cat "$work/out-folder/file")" "content" "-o FOLDER"
equal "$(imgb build -q -o - . | tar -xO file)" "content" "-o - is a tar on standard output"
imgb build -q -o "type=oci,dest=$work/o.tar" -t named . >/dev/null
skopeo inspect "oci-archive:$work/o.tar" >/dev/null
imgb build -q -o "type=docker,dest=$work/d.tar,compression=zstd" . >/dev/null
tar -tf "$work/d.tar" >/dev/null
exits_with 2 imgb build -o type=wat .

# Named contexts and secrets.
mkdir "$work/named"
echo named >"$work/named/f"
printf 'FROM base:1\nCOPY --from=extra f /f\n' >named
imgb build -q -t named -f named --build-context "extra=$work/named" . >/dev/null
equal "$(imgb export named | tar -xO f)" "named" "--build-context"
imgb save --format oci-dir -o "$work/layout" base:1
printf 'FROM mybase\nCOPY file /file\n' >layout
imgb build -q -t fromlayout -f layout --build-context "mybase=oci-layout://$work/layout" . >/dev/null
printf 'FROM base:1\nRUN --mount=type=secret,id=s cat /run/secrets/s | rev > /out\n' >secret
echo terces | SECRET=value imgb build -q -t secret -f secret --secret id=s,src=/dev/stdin . >/dev/null
equal "$(imgb export secret | tar -xO out)" "secret" "--secret"
exits_with 1 imgb build .. -f nothing
exits_with 1 imgb build /nowhere
exits_with 1 imgb build --platform linux/amd64,linux/arm64 .
