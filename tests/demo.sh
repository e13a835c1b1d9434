#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Starts a small Python that fragments its heap, and runs pyfrag on it. Usage: demo.sh PYFRAG
set -eu
pyfrag=$1
here=$(cd "$(dirname "$0")" && pwd)

if [ "$(id -u)" != 0 ]; then
	echo "tracing another process takes root: sudo make demo" >&2
	exit 1
fi

show() {
	printf '\n$ %s\n' "$*"
	"$@"
}

announced=$(mktemp)
/usr/bin/python3 "$here/workloads/demo.py" > "$announced" &
target=$!
trap 'kill $target 2>/dev/null; rm -f "$announced"' EXIT
while ! [ -s "$announced" ]; do sleep 0.1; done
sleep 3

show "$pyfrag" doctor -p "$target"
show "$pyfrag" snapshot -p "$target"
show "$pyfrag" trace -p "$target" --interval 3 --duration 6
show "$pyfrag" trace -p "$target" --mode full --sample-bytes 1KiB --interval 60 --duration 10
