#!/usr/bin/env bash
# Drives the example as its README describes it, with curl, against programs that are already built.
#
#   examples/pinned-tools/check.sh [FOLDER]     FOLDER holds cardea and cardea-notes-server; default: target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../gateway.sh"
serve "$here" "$@"

expect "nothing is listed before it is approved" '"tools":[]' "$(modern tools/list)"
expect "nothing can be called either" '-32602' "$(modern tools/call notes_search_notes '{"query":"hinge"}')"

# What the log says, put in the manifest in one move, as editors do.
hash=$(grep -o 'sha256:[0-9a-f]\{64\}' "$work/log" | head -n1)
sed "s/approve = \[\]/approve = [\"$hash\"]/" "$work/cardea.toml" >"$work/new.toml"
mv "$work/new.toml" "$work/cardea.toml"
is_listed() { [[ $(modern tools/list) == *notes_search_notes* ]]; }
eventually is_listed || expect "what is approved is listed" yes no
expect "what is approved can be called" 'Hinge' "$(modern tools/call notes_search_notes '{"query":"hinge"}')"
exit "$failed"
