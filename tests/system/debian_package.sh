#!/bin/bash
# The Debian package installs on a clean Debian 12 with apt's word for its dependencies, and the program works there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$(dirname "$IMGB")
(cd "$build" && cpack --config CPackConfig.cmake -B "$work" >"$work/cpack.log" 2>&1) || { cat "$work/cpack.log"; exit 1; }
package=$(echo "$work"/*.deb)

mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(ORIGIN)' | awk '$2 == "main" && $1 !~ /security/ {print $1; exit}')
mkdir "$work/context"
echo hello > "$work/context/file"
printf 'FROM scratch\nCOPY file /file\n' > "$work/context/Dockerfile"
# The checks run inside; the tree itself is thrown away.
mmdebstrap --quiet --variant=minbase \
  --customize-hook="copy-in $package $work/context /" \
  --customize-hook='chroot "$1" sh -c "apt-get install -y -q --no-install-recommends /*.deb"' \
  --customize-hook='chroot "$1" imgb version' \
  --customize-hook='chroot "$1" imgb build -t hello /context' \
  --customize-hook='chroot "$1" imgb images' \
  --customize-hook='chroot "$1" sh -c "test -s /usr/share/man/man1/imgb.1.gz -o -s /usr/share/man/man1/imgb.1"' \
  --customize-hook='chroot "$1" test -s /usr/share/bash-completion/completions/imgb' \
  bookworm /dev/null "$mirror" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
grep -q hello "$work/log"
