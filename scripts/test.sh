#!/usr/bin/env bash
# Runs the tests of the packages given (default: the whole module) with the race
# detector; for the whole module, the conformance suite once more without it, for
# that makes some cases too slow, and the tests in bench. Then prints one line for each test that was
# skipped because something it drives is missing: go test says nothing of the
# skips of a package that passes. With CI set no earlier result is reused.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A new name each time, so that go test does not reuse the result of a skip.
PARLEY_SKIPS=$(mktemp)
export PARLEY_SKIPS
trap 'rm -f "$PARLEY_SKIPS"' EXIT

status=0
go test -race ${CI:+-count=1} "${@:-./...}" </dev/null || status=$?

if ((status == 0 && $# == 0)); then
	echo "the conformance suite, every case"
	go test ${CI:+-count=1} -run 'TestServer|TestClient|TestFaultless' ./check </dev/null || status=$?
	echo "the programs on other libraries"
	(cd bench && go test ${CI:+-count=1} ./... </dev/null) || status=$?
fi

if [[ -s $PARLEY_SKIPS ]]; then
	echo
	echo "Skipped, because something is missing:"
	sort -u "$PARLEY_SKIPS" | sed 's/^/  /'
fi
exit "$status"
