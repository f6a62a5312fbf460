#!/usr/bin/env bash
# Installs the npm packages of the servers in JavaScript, nodews and bun, into
# node_modules. Bun's is some 100 MB, so that only the bench calls this, and no
# test: tests of these two skip without it.
#
# It does nothing and is quick when everything is there. What cannot be
# installed is said in one line; the bench then goes without. It always ends with
# status 0.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

say() { echo "bench/peers/install.sh: $*" >&2; }

# npm ci deletes node_modules first, so it runs only when the lock file is not
# the one that was installed.
installed=node_modules/.installed-package-lock.json
if ! command -v npm >/dev/null 2>&1; then
	say "Node.js and npm are missing: install Node.js 20 or later, which brings npm"
elif ! cmp -s package-lock.json "$installed"; then
	say "installing the npm packages"
	if npm ci --loglevel=error --no-audit --no-fund </dev/null >/dev/null; then
		cp package-lock.json "$installed"
	else
		say "npm ci failed: see its message above, then run bench/peers/install.sh again"
	fi
fi
exit 0
