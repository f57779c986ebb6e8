#!/usr/bin/env bash
# Builds the guests that are not Rust into ${CARGO_TARGET_DIR:-target}/guests/every-hook-{c,js}.wasm.
#
# Needs python3 (with venv) and node >= 20 (with npm); everything else is installed below the target folder, pinned by
# sdk/c/requirements.txt and sdk/js/package-lock.json. A guest whose inputs have not changed is not built again.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-target}
tools=$target/tools
guests=$target/guests
about=tests/guests/every-hook-rust # all guests are the one plugin that these two files describe
manifest=$about/plugin.toml
schema=$about/config.schema.json

main() {
    mkdir -p "$tools" "$guests"
    guest every-hook-c "$manifest" "$schema" wit sdk/c tests/guests/every-hook-c
    guest every-hook-js "$manifest" "$schema" wit sdk/js tests/guests/every-hook-js
}

# guest NAME INPUT...: builds one guest unless the hash of its inputs is the one of its last build.
guest() {
    local name=$1 stamp=$guests/$1.stamp inputs
    shift
    inputs=$(digest tests/guests/build.sh "$@")
    if [[ -f $guests/$name.wasm && -f $stamp && $(<"$stamp") == "$inputs" ]]; then
        return
    fi
    echo "building $name" >&2
    rm -f "$stamp"
    "build_$name"
    echo "$inputs" >"$stamp"
}

build_every-hook-c() {
    install_once c sdk/c/requirements.txt
    "$tools/c/bin/python" sdk/c/build.py --manifest "$manifest" --schema "$schema" \
        -o "$guests/every-hook-c.wasm" tests/guests/every-hook-c/*.c
}

build_every-hook-js() {
    install_once js sdk/js/package.json sdk/js/package-lock.json sdk/js/build.mjs
    node "$tools/js/build.mjs" --wit wit --world-file tests/guests/every-hook-js/world.wit --world every-hook \
        --manifest "$manifest" --schema "$schema" \
        -o "$guests/every-hook-js.wasm" tests/guests/every-hook-js/main.js
}

# install_once LANGUAGE FILE...: installs the tools of a language, again only when what names them has changed.
install_once() {
    local language=$1 stamp=$tools/$1.stamp inputs
    shift
    inputs=$(digest "$@")
    [[ -f $stamp && $(<"$stamp") == "$inputs" ]] && return
    echo "installing the tools for $language into $tools/$language" >&2
    rm -rf "${tools:?}/$language" "$stamp"
    "install_$language"
    echo "$inputs" >"$stamp"
}

install_c() {
    require python3 "the C guest is compiled by packages from PyPI"
    python3 -m venv "$tools/c" ||
        fail "python3 -m venv failed: install Python's venv module (on Debian: python3-venv)"
    "$tools/c/bin/python" -m pip install --quiet --disable-pip-version-check -r sdk/c/requirements.txt ||
        fail "pip could not install sdk/c/requirements.txt: see above, and check that pip reaches a package index"
}

install_js() {
    require node "the JavaScript guest is built by an npm package"
    require npm "the JavaScript guest is built by an npm package"
    mkdir -p "$tools/js"
    cp sdk/js/package.json sdk/js/package-lock.json sdk/js/build.mjs "$tools/js/"
    # Not `npm ci`: it fails where a registry lacks the binding of a platform that is not this one.
    npm --prefix "$tools/js" install --no-save --ignore-scripts --loglevel error --no-audit --no-fund >&2 ||
        fail "npm could not install sdk/js/package-lock.json: see above, and check that npm reaches a registry"
}

# Names and contents of files and of all files below folders, as one hash.
digest() {
    find "$@" -type f -not -path '*/node_modules/*' -not -path '*/__pycache__/*' -print0 |
        sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

require() {
    command -v "$1" >/dev/null || fail "$1 is not installed: $2"
}

fail() {
    echo "tests/guests/build.sh: $1" >&2
    exit 1
}

main
