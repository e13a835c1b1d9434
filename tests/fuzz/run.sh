#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Builds the fuzz targets with clang's sanitizers and runs each for so many seconds (10), from its
# corpus. The corpus stays as it is: what is found on the way goes to a directory of its own, and away.
# An input that breaks a property is kept under build/fuzz/findings/, and its path is printed.
#
#   [FUZZ_SEED=N] tests/fuzz/run.sh [SECONDS] [TARGET...]
#
# With a seed the inputs come in the same order each time.
set -u
cd "$(dirname "$0")/../.." || exit 1

seconds=${1:-10}
[ $# -gt 0 ] && shift
case $seconds in
'' | 0* | *[!0-9]*)
	echo "fuzz: '$seconds' is not a number of seconds; see: tests/fuzz/run.sh [SECONDS] [TARGET...]" >&2
	exit 1
	;;
esac
clang=${CLANG:-clang}
build=build/fuzz
findings=$build/findings
targets=${*:-fuzz_pool fuzz_heap fuzz_model fuzz_elf fuzz_insn fuzz_line_table fuzz_census}

for target in $targets; do
	[ -f "tests/fuzz/$target.c" ] && continue
	echo "fuzz: no target '$target'; there are: $(cd tests/fuzz && echo fuzz_*.c)" >&2
	exit 1
done

# What the targets are made of; neither commands nor BPF.
sources="$(ls user/pymalloc/*.c user/stacks/*.c user/target/*.c user/util/*.c user/probes/insn_*.c \
	user/probes/shape*.c user/probes/sites.c user/probes/values.c \
	user/census/*.c user/report/census_kinds.c)
tests/unit/fake_memory.c tests/unit/fake_pymalloc.c tests/unit/fake_target.c
tests/unit/fake_objects.c tests/unit/fake_types.c tests/unit/sample_heap.c"
objects=
for source in $sources; do
	objects="$objects $build/${source%.c}.o"
done

sanitizers=address,undefined
# Warnings are the business of `make check-clang`.
flags="-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-unknown-warning-option -Wno-error"
make_objects()
{
	CPPFLAGS="-Itests/unit -Itests/fuzz" ${MAKE:-make} --no-print-directory BUILD=$build \
		CC="$clang" CFLAGS="$flags -fsanitize=fuzzer-no-link,$sanitizers" "$@"
}

log=$build/build.log
mkdir -p "$findings" || exit 1
for target in $targets; do
	object=$build/tests/fuzz/$target.o
	# shellcheck disable=SC2086
	make_objects $objects "$object" >"$log" 2>&1 &&
		$clang -fsanitize=fuzzer,$sanitizers -o "$build/$target" "$object" $objects \
			-lelf -lz -lcapstone -lcap-ng -lcmocka -lm -lpthread >>"$log" 2>&1 && continue
	cat "$log" >&2
	echo "fuzz: $target cannot be built, see above" >&2
	exit 1
done

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
failed=0
for target in $targets; do
	corpus=tests/fuzz/corpus/${target#fuzz_}
	out=$work/$target
	mkdir "$out"
	[ -d "$corpus" ] && cp "$corpus"/* "$out"
	"$build/$target" -seed="${FUZZ_SEED:-0}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
		-print_final_stats=1 -artifact_prefix="$findings/$target-" "$out" \
		>"$work/$target.log" 2>&1
	status=$?
	cnt=$(sed -n 's/^stat::number_of_executed_units: //p' "$work/$target.log")
	[ -n "$cnt" ] || cnt=$(sed -n 's/^#\([0-9]*\).*/\1/p' "$work/$target.log" | tail -n 1)
	if [ $status = 0 ]; then
		echo "$target: $cnt executions, nothing found"
		continue
	fi
	failed=1
	cp "$work/$target.log" "$findings/$target.log"
	input=$(sed -n 's/^.*Test unit written to //p' "$work/$target.log" | tail -n 1)
	echo "$target: ${cnt:-0} executions, FOUND ${input:-no input}, log $findings/$target.log:" \
		"$(grep -m 1 -e 'does not hold' -e 'ERROR:' -e 'runtime error' "$work/$target.log")"
done
exit $failed
