#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Makes root file systems of other Debian releases, each with its Pythons. Usage: make_roots.sh
# DIRECTORY
set -eu
place=$1
# A snapshot of the archive may be past its validity date.
options="-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root"
mkdir -p "$place"

for release in bullseye trixie sid; do
	root=$place/$release
	[ -e "$root/.complete" ] && continue
	echo "making a tree of Debian $release"
	rm -rf "$root"
	debootstrap --variant=minbase --include=python3 "$release" "$root" \
		> "$place/$release.log" 2>&1 ||
		{ tail -20 "$place/$release.log" >&2; exit 1; }
	if [ "$release" = sid ]; then
		# Also the newest Python, where it is not the default.
		# shellcheck disable=SC2086
		chroot "$root" apt-get $options update -q >> "$place/$release.log" 2>&1
		newest=$(chroot "$root" apt-cache search --names-only '^python3\.[0-9]+$' |
			sort -t. -k2 -n | tail -1 | cut -d' ' -f1)
		# shellcheck disable=SC2086
		chroot "$root" apt-get $options install -q -y --no-install-recommends "$newest" \
			>> "$place/$release.log" 2>&1
	fi
	# shellcheck disable=SC2086
	chroot "$root" apt-get $options install -q -y --no-install-recommends libjemalloc2 \
		libtcmalloc-minimal4 >> "$place/$release.log" 2>&1
	touch "$root/.complete"
done
