#!/usr/bin/env bash
# Installs what FROM/package.json and its lock pin into INTO/node_modules, again only when they have changed: npm.sh FROM INTO
#
# Needs node with npm, and a registry that npm can reach the first time.
set -euo pipefail

from=$1 into=$2
pins=$(cat "$from/package.json" "$from/package-lock.json" | sha256sum | cut -d ' ' -f 1)
stamp=$into/npm.stamp

fail() {
    echo "tests/npm.sh: $1" >&2
    exit 1
}

[[ -f $stamp && $(<"$stamp") == "$pins" ]] && exit
command -v npm >/dev/null || fail "npm is not installed: install node, which brings it"
echo "installing the packages of $from into $into" >&2
rm -rf "$into/node_modules" "$stamp"
mkdir -p "$into"
cp "$from/package.json" "$from/package-lock.json" "$into/"
npm --prefix "$into" install --no-save --ignore-scripts --fetch-retries 1 --loglevel error --no-audit --no-fund >&2 ||
    fail "npm could not install $from/package-lock.json: npm needs its registry for this, once (\`npm ping\` says whether it is there)"
echo "$pins" >"$stamp"
