#!/usr/bin/env bash
# Drives the quickstart as its README describes it, with curl, against programs that are already built.
#
#   examples/quickstart-notes/check.sh [FOLDER]     FOLDER holds cardea and cardea-notes-server; default: target/release, then target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
work=$(mktemp -d)
gateway=
failed=0

main() {
    local programs=${1:-$(built)}
    PATH=$(cd "$programs" && pwd):$PATH
    key=check-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    write_manifest writer
    expect "the manifest is sound" cardea check --manifest "$work/cardea.toml"
    serve

    expect "a modern call is answered" answers 'Hinge oil' modern tools/call notes_search_notes '{"query":"hinge"}'
    expect "a legacy call is answered" answers 'Hinge oil' legacy
    expect "no key is 401" answers '^401$' status -H 'X-Api-Key: wrong'
    expect "a writer sees delete_note" answers notes_delete_note modern tools/list
    write_manifest reader
    expect "a reader does not, as soon as the manifest says so" eventually lacks notes_delete_note modern tools/list
    expect "a reader cannot call it" lacks 'is gone' modern tools/call notes_delete_note '{"id":1}'
    expect "too many calls are 429 with Retry-After" limited
    expect "the journal names a refused call" eventually journal_has notes_delete_note delete_note

    exit "$failed"
}

built() {
    local folder
    for folder in release debug; do
        if [[ -x $target/$folder/cardea && -x $target/$folder/cardea-notes-server ]]; then
            echo "$target/$folder"
            return
        fi
    done
    echo "check.sh: build first: cargo xtask plugins && cargo build -p cardea && cargo build -p cardea-notes-server" >&2
    exit 2
}

# The example's own manifest; only the key, the port and the demo's role are ours. Replaced in one move, as editors do.
write_manifest() {
    local hash
    hash=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
    sed -e "s/0\{64\}/$hash/" -e 's/127\.0\.0\.1:8080/127.0.0.1:0/' -e "s/roles = \[\"writer\"\]/roles = [\"$1\"]/" \
        "$here/cardea.toml" >"$work/new.toml"
    printf '\n[admin]\naddress = "off"\n\n[log]\nformat = "json"\n' >>"$work/new.toml"
    mv "$work/new.toml" "$work/cardea.toml"
}

serve() {
    cardea serve --manifest "$work/cardea.toml" 2>"$work/log" &
    gateway=$!
    if ! eventually says_serving; then
        cat "$work/log" >&2
        exit 1
    fi
    url=http://$(sed -n 's/.*"serving".*"address":"\([^"]*\)".*/\1/p; s/.*"address":"\([^"]*\)".*"serving".*/\1/p' "$work/log" | head -n1)/mcp
}

says_serving() { grep -q '"serving"' "$work/log"; }

stop() {
    if [[ -n $gateway ]]; then kill "$gateway" 2>/dev/null && wait "$gateway" || true; fi
    rm -rf "$work"
}
trap stop EXIT

# expect WORDS COMMAND...: says whether it holds.
expect() {
    local words=$1
    shift
    if "$@" >"$work/last" 2>&1; then
        echo "ok      $words"
    else
        echo "FAILED  $words"
        sed 's/^/        /' "$work/last"
        failed=1
    fi
}

answers() { local pattern=$1; shift; "$@" | tee /dev/stderr | grep -q -- "$pattern"; }
lacks() { local pattern=$1 text; shift; text=$("$@"); echo "$text" >&2; [[ -n $text && $text != *"$pattern"* ]]; }

# eventually COMMAND...: tries again until it holds, for ten seconds at most.
eventually() {
    local end=$((SECONDS + 10))
    until "$@"; do
        if ((SECONDS > end)); then return 1; fi
        sleep 0.1
    done
}

post() { curl -s -m 10 "$url" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "$@"; }

# modern METHOD [NAME ARGUMENTS]: one request that says everything itself.
modern() {
    local params
    params='"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}'
    local headers=(-H 'MCP-Protocol-Version: 2026-07-28' -H "Mcp-Method: $1" -H "X-Api-Key: $key")
    if (($# > 1)); then
        headers+=(-H "Mcp-Name: $2")
        params+=",\"name\":\"$2\",\"arguments\":$3"
    fi
    post "${headers[@]}" -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":{$params}}"
}

# A session, and the same search in it.
legacy() {
    local session
    session=$(post -H "X-Api-Key: $key" -D - -o /dev/null \
        -d '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"check","version":"1"}}}' |
        tr -d '\r' | awk 'tolower($1) == "mcp-session-id:" { print $2 }')
    local headers=(-H "X-Api-Key: $key" -H "Mcp-Session-Id: $session" -H 'MCP-Protocol-Version: 2025-11-25')
    post "${headers[@]}" -d '{"jsonrpc":"2.0","method":"notifications/initialized"}'
    post "${headers[@]}" \
        -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"notes_search_notes","arguments":{"query":"hinge"}}}'
}

status() { post -o /dev/null -w '%{http_code}\n' -d '{"jsonrpc":"2.0","id":1,"method":"ping"}' "$@"; }

# More calls than the burst allows, then the head of one answer.
limited() {
    local head count
    for count in $(seq 80); do
        head=$(modern_head)
        if [[ $head == *' 429'* ]]; then
            grep -qi '^retry-after: [0-9]' <<<"$head"
            return
        fi
    done
    echo "call $count was still answered: $head"
    return 1
}

modern_head() {
    post -D - -o /dev/null -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: notes_list_notes' -H "X-Api-Key: $key" \
        -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"notes_list_notes","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
}

journal_has() { grep -r -h -e "$1" -e "$2" "$work/data"; }

main "$@"
