#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Runs the fuzz targets that `make fuzz-build` has built, each for SECONDS (10), from its corpus and
# with little memory. The corpus is not changed: new inputs go to a temporary directory. An input
# that breaks a property, or exceeds the limits of memory or time, is kept under
# build/fuzz/findings/, and its path is printed.
#
#   [FUZZ_SEED=N] [FUZZ_JOBS=N] tests/fuzz/run.sh [SECONDS] [TARGET...]
#
# With a seed, the inputs come in the same order each time. FUZZ_JOBS targets run at once; the
# default is the number of processors.
#
# A target that covers fewer edges than tests/fuzz/edges requires fails, too: it would test nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1

long=600
place=build/fuzz/tests/fuzz
findings=build/fuzz/findings

complain()
{
	echo "fuzz: $*" >&2
	exit 1
}

# The last value of @2 that libFuzzer printed in the log @1: "#123 DONE cov: 456 ft: 789 corp: ..."
last()
{
	sed -n "s/^#.*[[:space:]]$2: \([0-9]*\).*/\1/p" "$1" | tail -n 1
}

run_one()
{
	target=$1
	log=$work/$target.log
	corpus=$work/$target
	mkdir "$corpus"
	for input in tests/fuzz/corpus/"${target#fuzz_}"/*; do
		[ -f "$input" ] && cp "$input" "$corpus"
	done
	# shellcheck disable=SC2046
	set -- $(sed -n "s/^$target[[:space:]]//p" tests/fuzz/edges)
	if [ "$seconds" -ge $long ]; then wanted=${1:-}; else wanted=${2:-}; fi
	# A small quarantine, because memory is limited.
	ASAN_OPTIONS=quarantine_size_mb=8:allocator_may_return_null=1 \
		"$place/$target" -seed="${FUZZ_SEED:-0}" -max_total_time="$seconds" -timeout=10 \
		-rss_limit_mb=640 -malloc_limit_mb=96 -max_len=4096 -print_final_stats=1 \
		-artifact_prefix="$findings/$target-" "$corpus" >"$log" 2>&1
	status=$?
	executions=$(sed -n 's/^#\([0-9][0-9]*\).*/\1/p' "$log" | tail -n 1)
	edges=$(last "$log" cov)
	if [ $status != 0 ]; then
		cp "$log" "$findings/$target.log"
		input=$(sed -n 's/^.*Test unit written to //p' "$log" | tail -n 1)
		echo "$target: ${executions:-0} executions, FOUND ${input:-no input}," \
			"log $findings/$target.log:" \
			"$(grep -m 1 -e 'does not hold' -e 'ERROR:' -e 'runtime error' "$log")"
		return 1
	fi
	if [ -z "$wanted" ]; then
		echo "$target: $executions executions, $edges edges," \
			"but tests/fuzz/edges has no minimum for it"
		return 1
	fi
	if [ "${edges:-0}" -lt "$wanted" ]; then
		echo "$target: $executions executions, nothing found," \
			"but only ${edges:-0} edges, at least $wanted required"
		return 1
	fi
	echo "$target: $executions executions, $edges edges (at least $wanted), nothing found"
}

if [ "${1:-}" = --one ]; then
	work=$2 seconds=$3
	run_one "$4"
	exit
fi

seconds=${1:-10}
[ $# -gt 0 ] && shift
case $seconds in
'' | 0* | *[!0-9]*)
	complain "invalid number of seconds '$seconds'; usage: run.sh [SECONDS] [TARGET...]"
	;;
esac
targets=${*:-$(cd tests/fuzz && for source in fuzz_*.c; do echo "${source%.c}"; done)}
for target in $targets; do
	[ -f "tests/fuzz/$target.c" ] ||
		complain "no target '$target'; see: tests/fuzz/fuzz_*.c"
	[ -x "$place/$target" ] || complain "$target is not built: make fuzz-build"
done
mkdir -p "$findings" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
# shellcheck disable=SC2086
printf '%s\n' $targets |
	xargs -P "${FUZZ_JOBS:-$(nproc)}" -I '{}' "$0" --one "$work" "$seconds" '{}'
