#!/usr/bin/env bash
# Drives the example as its README describes it, with curl, against programs that are already built.
#
#   examples/pinned-tools/check.sh [FOLDER]     FOLDER holds cardea and cardea-notes-server; default: target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
PATH=$(cd "${1:-$here/../../target/debug}" && pwd):$PATH
work=$(mktemp -d)
gateway=

stop() {
    if [[ -n $gateway ]]; then kill "$gateway" 2>/dev/null && wait "$gateway" || true; fi
    rm -rf "$work"
}
trap stop EXIT

# The example's own manifest on a free port.
sed 's/127\.0\.0\.1:8080/127.0.0.1:0/' "$here/cardea.toml" >"$work/cardea.toml"
printf '\n[admin]\naddress = "off"\n\n[log]\nformat = "json"\n' >>"$work/cardea.toml"
cardea check --manifest "$work/cardea.toml"
cardea serve --manifest "$work/cardea.toml" 2>"$work/log" &
gateway=$!

# Until it serves, for ten seconds at most.
end=$((SECONDS + 10))
until grep -q '"serving"' "$work/log"; do
    if ((SECONDS > end)); then cat "$work/log" >&2; exit 1; fi
    sleep 0.1
done
url=http://$(sed -n 's/.*"serving".*"address":"\([^"]*\)".*/\1/p; s/.*"address":"\([^"]*\)".*"serving".*/\1/p' "$work/log" | head -n1)/mcp

# modern METHOD [NAME ARGUMENTS]: a modern request.
modern() {
    local params headers
    params='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
    headers=(-H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $1")
    if (($# > 1)); then
        headers+=(-H "Mcp-Name: $2")
        params+=",\"name\":\"$2\",\"arguments\":$3"
    fi
    curl -s -m 10 "$url" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "${headers[@]}" \
        -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":{$params}}"
}

# expect WORDS PATTERN TEXT: says whether the pattern is in the text.
failed=0
expect() {
    if [[ $3 == *"$2"* ]]; then echo "ok      $1"; else echo "FAILED  $1: $3"; failed=1; fi
}

expect "nothing is listed before it is approved" '"tools":[]' "$(modern tools/list)"
expect "nothing can be called either" 'notes_search_notes' "$(modern tools/call notes_search_notes '{"query":"hinge"}' | grep -- -32602)"

# What the log says, put in the manifest in one move, as editors do.
hash=$(grep -o 'sha256:[0-9a-f]\{64\}' "$work/log" | head -n1)
sed "s/approve = \[\]/approve = [\"$hash\"]/" "$work/cardea.toml" >"$work/new.toml"
mv "$work/new.toml" "$work/cardea.toml"
end=$((SECONDS + 10))
until modern tools/list | grep -q notes_search_notes; do
    if ((SECONDS > end)); then echo "FAILED  what is approved is listed"; failed=1; break; fi
    sleep 0.1
done
expect "what is approved can be called" 'Hinge' "$(modern tools/call notes_search_notes '{"query":"hinge"}')"
exit "$failed"
