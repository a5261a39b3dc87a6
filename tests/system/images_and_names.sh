# Building, naming, listing and removing an image.
. "$SOURCE/tests/system/lib.sh"

base_image base:1
id=$(imgb images -q --no-trunc base:1)
contains "$id" "sha256:"
equal "$(imgb images --format '{{.Repository}}:{{.Tag}} {{.ID}}')" "base:1 ${id:7:12}" "list"
imgb tag base:1 localhost:5000/other:2
contains "$(imgb images)" "localhost:5000/other   2"
equal "$(imgb inspect -f '{{.Id}}' "${id:7:12}")" "$id" "by short id"
equal "$(imgb inspect -f '{{json .Config.Cmd}}' base:1)" '["/bin/sh"]' "command"
imgb inspect base:1 | python3 -c '
import json, sys
image, = json.load(sys.stdin)
assert image["RepoTags"] == ["base:1", "localhost:5000/other:2"], image
assert image["RepoDigests"] == [name + "@" + image["Descriptor"]["digest"] for name in ("base", "localhost:5000/other")], image
assert image["RootFS"]["Layers"][0].startswith("sha256:")'
contains "$(imgb history base:1)" "COPY bin /bin"
equal "$(imgb images -q --filter reference='ba*' | wc -l)" 1 "filter by name"
equal "$(imgb images -q --filter dangling=true | wc -l)" 0 "no nameless image"
equal "$(imgb images --format '{{.Repository}}' 'ba*')" base "names that fit a pattern"
equal "$(imgb images --format '{{.Repository}}' --filter 'reference=*/oth*')" localhost:5000/other "only names that fit"
exits_with 1 imgb inspect base:2
contains "$(cat "$work/err")" "did you mean base:1?"

# Other tools read the store as it is.
skopeo inspect "oci:$IMGB_ROOT:docker.io/library/base:1" >/dev/null

equal "$(imgb rmi base:1)" "Untagged: base:1" "one name of two"
contains "$(imgb rmi localhost:5000/other:2)" "Deleted: $id"
equal "$(imgb images -q | wc -l)" 0 "all gone"
imgb rmi -f nothing

# One image in two compressions has one id: by it all of them go.
rm -r "$work/base"
base_image base:1
id=$(imgb inspect -f '{{.Id}}' base:1)
imgb build -q -o type=image,name=zstd:1,compression=zstd,force-compression=true "$work/base" >/dev/null
equal "$(imgb inspect -f '{{.Id}}' zstd:1)" "$id" "the same image"
exits_with 1 imgb rmi "$id"
contains "$(imgb rmi -f "$id")" "Untagged: zstd:1"
equal "$(imgb images -q | wc -l)" 0 "none of that id"
contains "$(imgb prune --cache)" "freed"
imgb fsck
