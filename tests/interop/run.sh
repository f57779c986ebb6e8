#!/usr/bin/env bash
# Runs the published servers and clients against the gateway: README.md has the options.
#
# Installs them first into ${CARGO_TARGET_DIR:-target}/interop; needs python3 (with venv), node >= 20 (with npm), git, ps, and the network
# for that. The gateway is CARDEA_BIN, or debug/cardea in the target folder.
set -euo pipefail

cd "$(dirname "$0")/../.."
here=tests/interop
installed=$(realpath -m "${CARGO_TARGET_DIR:-target}/interop")

main() {
    for tool in python3 node npm git ps; do
        command -v "$tool" >/dev/null || fail "$tool is not installed"
    done
    install_once
    PYTHONDONTWRITEBYTECODE=1 exec "$installed/venv/bin/python" "$here/main.py" --installed "$installed" "$@"
}

install_once() {
    bash tests/npm.sh "$here" "$installed" || exit
    local pins stamp=$installed/stamp
    pins=$(sha256sum <"$here/requirements.txt" | cut -d ' ' -f 1)
    [[ -f $stamp && $(<"$stamp") == "$pins" ]] && return
    echo "installing the Python servers and clients into $installed" >&2
    rm -rf "$installed/venv" "$stamp"
    python3 -m venv "$installed/venv" || fail "python3 -m venv failed: install Python's venv module"
    "$installed/venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" ||
        fail "pip could not install $here/requirements.txt"
    echo "$pins" >"$stamp"
}

fail() {
    echo "tests/interop/run.sh: $1" >&2
    exit 1
}

main "$@"
