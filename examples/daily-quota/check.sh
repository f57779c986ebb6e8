#!/usr/bin/env bash
# Drives the example as its README describes it, with curl, against programs that are already built.
#
#   examples/daily-quota/check.sh [FOLDER]     FOLDER holds cardea and cardea-notes-server; default: target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../gateway.sh"
serve "$here" "$@"

for count in 1 2 3; do
    expect "call $count is answered" '"result"' "$(modern tools/call notes_list_notes '{}')"
done
refused=$(modern tools/call notes_list_notes '{}')
expect "the fourth names the limit" '"limit":"daily"' "$refused"
expect "and says when the day is over" '"resetMs":' "$refused"
exit "$failed"
