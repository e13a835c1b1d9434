#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes an initramfs with busybox, this machine's python3.11 and pytest, pyfrag, and the end-to-end
# tests with their programs.
#
# Usage: make_initramfs.sh PYFRAG PROGRAMS OUTPUT
#
# PROGRAMS: the directory in which the programs of tests/e2e were built.
set -eu
pyfrag=$1 programs=$2 output=$3
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root" # programs of other users run there, too

put() { # copies a file to the same path
	mkdir -p "$root$(dirname "$1")"
	cp -L "$1" "$root$1"
}

mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/mnt" \
	"$root/var/cache" "$root/etc/cron.d" "$root/pyfrag/build/tests/e2e"
cp /bin/busybox "$root/bin/busybox"
for applet in $(/bin/busybox --list); do
	[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
rm -f "$root/bin/setpriv" "$root/bin/unshare" # the real programs have more options than busybox's
cp "$pyfrag" "$root/bin/pyfrag"
for name in /usr/bin/python3.11 /usr/bin/setpriv /usr/bin/unshare /usr/sbin/bpftool \
	/etc/passwd /etc/group /etc/shadow /etc/hosts /etc/nsswitch.conf; do
	put "$name"
done
ln -s python3.11 "$root/usr/bin/python3"

# Python's library and pytest, with their compiled files, which are valid only if the sources keep
# their timestamps.
(cd / && {
	find usr/lib/python3.11 -type f \( -name '*.py' -o -name '*.pyc' -o -name '*.so' \) \
		-not -path '*/test/*' -not -path '*/idlelib/*' -not -path '*/dist-packages/*'
	cd usr/lib/python3/dist-packages
	find _pytest pytest pluggy iniconfig packaging attr attrs py.py fastjsonschema \
		-type f | sed 's,^,usr/lib/python3/dist-packages/,'
} | (cd / && cpio -o -H newc --quiet)) | (cd "$root" && cpio -i -d -m --quiet)

# The tests, in the places where they expect each other.
mkdir -p "$root/pyfrag/docs" "$root/pyfrag/tests"
cp -r "$top/tests/e2e" "$top/tests/workloads" "$top/tests/vm" "$root/pyfrag/tests/"
cp -r "$top/deploy" "$top/pytest.ini" "$root/pyfrag/"
cp "$top/docs/report.schema.json" "$root/pyfrag/docs/"
for program in attempts walk without_call; do
	cp "$programs/$program" "$root/pyfrag/build/tests/e2e/"
done
cp "$here/init" "$root/init"

# The libraries that all of them are linked to; ldd's unindented lines name the files themselves.
find "$root" -type f \( -name '*.so' -o -perm -u+x \) -exec ldd {} + 2>/dev/null |
	grep -o '^[[:space:]].*' | grep -o '/[^ )]*\.so[^ )]*' | sort -u |
	while read -r name; do put "$name"; done
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) > "$output"
