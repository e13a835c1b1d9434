#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the slow tests, as root: the Pythons of other Debian releases, stripped and link-time
# optimized, tests that are slow on each Python, the kernels of those releases in virtual machines,
# and CPython's own tests while traced. Files are kept under build/matrix.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
place=${PYFRAG_MATRIX:-$top/build/matrix}

if [ "$(id -u)" != 0 ]; then
	echo "the matrix takes root: sudo make check-matrix" >&2
	exit 1
fi
packages="debootstrap libpython3.11-testsuite qemu-system-x86 busybox-static cpio podman runc"
missing=$(for package in $packages; do
	dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
		echo "$package"
done)
if [ -n "$missing" ]; then
	apt-get update -q
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y $missing
fi
mkdir -p "$place"
"$here/make_roots.sh" "$place/roots"
"$here/fetch_kernels.sh" "$place/roots" "$place/kernels"

cd "$top"
export PYFRAG="$top/pyfrag" PYFRAG_TEST_ALSO_SLOW=1
PYFRAG_TEST_ROOTS="$place/roots" /usr/bin/python3 -m pytest -q -rs -p no:cacheprovider \
	-k "bullseye or trixie or sid or trees_of_other_releases or test_containers" tests/e2e
/usr/bin/python3 -m pytest -q -rs -p no:cacheprovider -m slow tests/e2e
/usr/bin/python3 -m pytest -q -rs -p no:cacheprovider tests/matrix
PYFRAG_TEST_KERNELS="$place/kernels" /usr/bin/python3 -m pytest -q -rs -p no:cacheprovider tests/vm
