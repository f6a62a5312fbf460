#!/usr/bin/env bash
# Runs every fuzz target of the packages given (default: the whole module) in
# turn, for FUZZTIME each (default: 1m).
#
# Each package's test binary is built once, instrumented as "go test -fuzz"
# would build it. Inputs that reach new code are kept in Go's fuzz cache; one
# that fails is written to testdata/fuzz beside the test, where it belongs in
# the next commit, together with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fuzztime=${FUZZTIME:-1m}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT
cache=$(go env GOCACHE)/fuzz

# Go before 1.27 sometimes reports the end of the fuzzing time as a failure
# (go.dev/issue/75804). That, and nothing else, is let pass: a real failure
# writes its input or says more than this one line.
only_the_clock() {
	local failure
	failure=$(sed -n '/^--- FAIL/,$p' "$out/log" | grep -vE '^(--- FAIL: .*|FAIL|exit status 1)$')
	[[ $failure =~ ^\ +context\ deadline\ exceeded$ ]]
}

# One line for each package that has tests: its import path, folder and files.
with_tests='{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{"\t"}}{{.Dir}}{{"\t"}}'
with_tests+='{{range .TestGoFiles}}{{.}},{{end}}{{range .XTestGoFiles}}{{.}},{{end}}{{end}}'

packages=$(go list -f "$with_tests" "${@:-./...}")
targets=0
failed=()
while IFS=$'\t' read -r package dir files; do
	[[ -n $package ]] || continue # no package has tests
	# Building is slow, so ask the source first.
	IFS=, read -ra tests <<<"$files"
	(cd "$dir" && grep -q '^func Fuzz' "${tests[@]}") || continue
	binary=$out/fuzz.test
	go test -c -fuzz=. -o "$binary" "$package"
	names=$(cd "$dir" && "$binary" -test.list='^Fuzz')
	for target in $names; do
		targets=$((targets + 1))
		echo "fuzz: $package $target for $fuzztime"
		if ! (cd "$dir" && "$binary" -test.run='^$' -test.fuzz="^$target\$" -test.fuzztime="$fuzztime" \
			-test.fuzzminimizetime=20x -test.fuzzcachedir="$cache/$package") 2>&1 </dev/null | tee "$out/log" &&
			! only_the_clock; then
			failed+=("go test -run '^\$' -fuzz '^$target\$' $package")
		fi
	done
done <<<"$packages"

if ((${#failed[@]} > 0)); then
	printf 'fuzz: FAILED: %s\n' "${failed[@]}"
	echo "fuzz: each line above runs one of them again; fix the cause and commit the input under testdata/fuzz with the fix"
	exit 1
fi
echo "fuzz: $targets targets, none failed"
