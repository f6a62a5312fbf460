#!/usr/bin/env bash
# Installs the outside things that the tests drive: Chromium, Node.js with the
# npm packages of package-lock.json, Python's websockets, nginx, websocketd,
# shells, what formats manual pages, and small tools.
#
# Run as root on Debian it installs what is missing. Anywhere else it prints one
# line for each missing thing, with the command to get it, and goes on: tests
# that need it then skip (or fail, with PARLEY_REQUIRE_ALL=1). It does nothing
# and is quick when everything is there, and always ends with status 0.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1

have() { command -v "$1" >/dev/null 2>&1; }
say() { echo "interop/install.sh: $*" >&2; }

# The same names, in the same order, as package internal/need looks for.
have_chromium() {
	if [[ -n ${CHROMIUM:-} ]]; then
		have "$CHROMIUM"
		return
	fi
	have chromium || have chromium-browser || have google-chrome
}

have_node() { have node && have npm; }

have_websockets() {
	local python
	for python in ${PYTHON:-python3 /usr/bin/python3 python}; do
		if have "$python" && "$python" -c 'import websockets' >/dev/null 2>&1; then
			return 0
		fi
	done
	return 1
}

have_nginx() { have nginx || [[ -x /usr/sbin/nginx || -x /usr/local/sbin/nginx ]]; }

have_bash_completion() { [[ -e /usr/share/bash-completion/bash_completion ]]; }

# Debian's packages.
packages=()
have_chromium || packages+=(chromium)
have_node || packages+=(nodejs npm)
have_websockets || packages+=(python3-websockets)
have_nginx || packages+=(nginx)
have websocketd || packages+=(websocketd)
have curl || packages+=(curl)
have openssl || packages+=(openssl)
have jq || packages+=(jq)
have vmstat || packages+=(procps)
have zsh || packages+=(zsh)
have fish || packages+=(fish)
have groff || packages+=(groff-base)
have man || packages+=(man-db)
have_bash_completion || packages+=(bash-completion)

if ((${#packages[@]} > 0)) && [[ $(id -u) -eq 0 && -e /etc/debian_version ]] && have apt-get; then
	say "installing ${packages[*]}"
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp)
	# Debian starts the servers that it installs, unless this says no. The tests start their own.
	policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	apt=(apt-get -qq -o DPkg::Lock::Timeout=120)
	if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${packages[@]}"; } \
		>"$log" 2>&1 </dev/null; then
		say "apt-get could not install ${packages[*]}; its last lines:"
		tail -n 5 "$log" >&2
	fi
	rm -f "$log"
fi

have_chromium || say "Chromium is missing: apt-get install chromium, or set CHROMIUM to the path of a Chromium or Chrome"
have_nginx || say "nginx is missing: apt-get install nginx, or see https://nginx.org/en/download.html"
for name in websocketd curl jq zsh fish; do
	have "$name" || say "$name is missing: apt-get install $name"
done
have vmstat || say "vmstat is missing: apt-get install procps"
have groff || say "groff is missing: apt-get install groff-base"
have man || say "man is missing: apt-get install man-db"
have_bash_completion || say "the package bash-completion is missing: apt-get install bash-completion"
have_websockets || say "Python's websockets is missing: apt-get install python3-websockets, or pip install websockets"

# The npm packages. npm ci deletes node_modules first, so it runs only when the
# lock file is not the one that was installed.
installed=node_modules/.installed-package-lock.json
if ! have_node; then
	say "Node.js and npm are missing: install Node.js 20 or later, which brings npm"
elif ! cmp -s package-lock.json "$installed"; then
	say "installing the npm packages"
	if npm ci --loglevel=error </dev/null >/dev/null; then
		cp package-lock.json "$installed"
	else
		say "npm ci failed: see its message above, then run interop/install.sh again"
	fi
fi
exit 0
