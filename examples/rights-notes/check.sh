#!/usr/bin/env bash
# Asks the example's rights what its rows expect, against a cardea that is already built.
#
#   examples/rights-notes/check.sh [FOLDER]     FOLDER holds cardea; default: target/release, then target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
    local programs=${1:-$(built)}
    PATH=$(cd "$programs" && pwd):$PATH
    cp "$here"/cardea.toml "$here"/policy.cedar "$here"/rows.toml "$work"
    cd "$work"
    cardea check
    cardea rbac test rows.toml
    cardea rbac explain --server notes --role writer --arguments '{"title": "../a"}' add_note | tee explained
    grep -q '^  stage rbac: forbidden' explained
    echo 'forbid (principal, action, resource);' >>policy.cedar
    if cardea rbac test rows.toml; then
        echo "check.sh: a policy that forbids everything changed nothing" >&2
        exit 1
    fi
}

built() {
    local folder
    for folder in release debug; do
        if [[ -x $target/$folder/cardea ]]; then
            echo "$target/$folder"
            return
        fi
    done
    echo "check.sh: build first: cargo xtask plugins && cargo build -p cardea" >&2
    exit 2
}

main "$@"
