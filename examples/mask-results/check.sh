#!/usr/bin/env bash
# Drives the example as its README describes it, with curl, against programs that are already built.
#
#   examples/mask-results/check.sh [FOLDER]     FOLDER holds cardea and cardea-notes-server; default: target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../gateway.sh"
serve "$here" "$@"

modern tools/call notes_add_note '{"title":"Supplier","body":"write to ada@example.org about PART-4711"}' >"$work/added"
found=$(modern tools/call notes_search_notes '{"query":"Supplier"}')
expect "what comes back is masked" '[email] about [part]' "$found"
refused=$(modern tools/call notes_add_note '{"title":"Key","body":"AKIAIOSFODNN7EXAMPLE"}')
expect "a key is refused before the server sees it" 'aws-key' "$refused"
exit "$failed"
