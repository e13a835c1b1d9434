#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Fetches the cloud kernels of Debian's releases: 5.10, 6.1, 6.12. Usage: fetch_kernels.sh ROOTS
# DIRECTORY
set -eu
roots=$1 place=$2
options="-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root"
mkdir -p "$place"

fetch() { # RELEASE COMMAND-PREFIX: downloads to /tmp of that system, and unpacks the kernel
	release=$1 root=$2
	ls "$place/$release"-vmlinuz* > /dev/null 2>&1 && return
	echo "fetching the kernel of Debian $release"
	work=$(mktemp -d "$root/tmp/kernel.XXXXXX")
	# shellcheck disable=SC2086
	chroot "$root/" sh -ec "
		cd ${work#"$root"}
		apt-get $options update -q
		image=\$(apt-cache depends linux-image-cloud-amd64 |
			sed -n 's/.*Depends: //p' | head -1)
		apt-get $options download -q \$image
	" > "$place/$release.log" 2>&1 || { tail -20 "$place/$release.log" >&2; exit 1; }
	dpkg-deb --fsys-tarfile "$work"/linux-image-*.deb | tar xf - -C "$work" ./boot
	mv "$work"/boot/vmlinuz-* "$place/$release-$(basename "$work"/boot/vmlinuz-*)"
	rm -rf "$work"
}

fetch bullseye "$roots/bullseye"
fetch bookworm ""
fetch trixie "$roots/trixie"
