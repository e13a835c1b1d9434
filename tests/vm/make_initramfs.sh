#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# An initramfs with busybox, this machine's python3.11, pyfrag and the workloads.
# Usage: make_initramfs.sh PYFRAG OUTPUT
set -eu
pyfrag=$1 output=$2
here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3.11
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

put() { # a file, under its own path
	mkdir -p "$root$(dirname "$1")"
	cp -L "$1" "$root$1"
}

mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/var/cache"
cp /bin/busybox "$root/bin/busybox"
for applet in sh mount mkfifo cat sleep kill poweroff grep; do
	ln -s busybox "$root/bin/$applet"
done
cp "$pyfrag" "$root/bin/pyfrag"
put "$python"
for library in $(ldd "$pyfrag" "$python" | grep -o '/[^ )]*\.so[^ )]*' | sort -u); do
	put "$library"
done
(cd / && find usr/lib/python3.11 -name '*.py' \
	-not -path '*/test/*' -not -path '*/idlelib/*' -not -path '*/dist-packages/*' |
	cpio -o -H newc --quiet) | (cd "$root" && cpio -i -d --quiet)
mkdir -p "$root/usr/lib/python3.11/lib-dynload"
cp /usr/lib/python3.11/lib-dynload/_json*.so "$root/usr/lib/python3.11/lib-dynload/"
cp "$here"/../workloads/*.py "$root/tmp/"
cp "$here/init" "$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$output"
