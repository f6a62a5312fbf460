#!/usr/bin/env bash
# Compares the working copy with the commit BASE by the benchmarks of one
# package, and prints what benchstat makes of it.
#
#   BASE=main BENCH=Echo scripts/bench-compare.sh
#
#   BASE       a commit, a branch or a tag
#   BENCH      which benchmarks, as for go test -bench (default: . for all)
#   COUNT      how often each runs on either side (default: 6, the least from
#              which benchstat can tell a difference from noise)
#   BENCHTIME  as for go test -benchtime (default: 1s)
#   PKG        the package (default: ./ws)
#
# Both sides are built first; then they run in turn, so that a machine whose
# mood changes changes it for both. The working copy is not touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench=${BENCH:-.} count=${COUNT:-6} benchtime=${BENCHTIME:-1s} pkg=${PKG:-./ws}

fail() {
	echo "bench-compare: $*" >&2
	exit 1
}
[[ -n ${BASE:-} ]] || fail "BASE is missing: say with what to compare, as in make bench-compare BASE=main"
[[ $count =~ ^[1-9][0-9]*$ ]] || fail "COUNT=$count is no number of runs"
[[ -d $pkg ]] || fail "there is no package $pkg"
commit=$(git rev-parse --verify --quiet --end-of-options "$BASE^{commit}") ||
	fail "git knows no commit $BASE: git log --oneline and git branch list what there is"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT

# The commit's files, without a worktree that could be left behind.
mkdir "$out/base"
git archive "$commit" | tar -x -C "$out/base"
[[ -d $out/base/$pkg ]] || fail "$BASE has no package $pkg"
(cd "$out/base" && go test -c -o "$out/base.test" "$pkg") || fail "the tests of $pkg do not build at $BASE"
go test -c -o "$out/copy.test" "$pkg" || fail "the tests of $pkg do not build in the working copy"

# Each binary runs in its package's folder, as go test has it.
run() { # base or copy, and the folder
	(cd "$2/$pkg" && "$out/$1.test" -test.run='^$' -test.bench="$bench" -test.benchmem \
		-test.benchtime="$benchtime" -test.timeout=0 </dev/null) >>"$out/$1.txt" ||
		{ tail -n 20 "$out/$1.txt" >&2; fail "a benchmark of the ${1/copy/working copy} failed: see above"; }
}
for ((i = 1; i <= count; i++)); do
	echo "bench-compare: run $i of $count" >&2
	if ((i % 2)); then # nobody is always the first
		run base "$out/base"
		run copy .
	else
		run copy .
		run base "$out/base"
	fi
done
for side in base copy; do
	grep -q '^Benchmark' "$out/$side.txt" || fail "no benchmark of the ${side/copy/working copy} matches $bench"
done

echo "$BASE is ${commit:0:12}; copy is the working copy"
go tool -modfile=tools/go.mod benchstat "$BASE=$out/base.txt" "copy=$out/copy.txt"
