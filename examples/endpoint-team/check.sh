#!/usr/bin/env bash
# Drives the example as its README describes it, with curl, against programs that are already built.
#
#   examples/endpoint-team/check.sh FOLDER     FOLDER holds cardea and cardea-notes-server
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
gateway=
failed=0

main() {
    PATH=$(cd "${1:?the folder of the programs}" && pwd):$PATH
    sed 's/127\.0\.0\.1:8080/127.0.0.1:0/' "$here/cardea.toml" >"$work/cardea.toml"
    printf '\n[admin]\naddress = "off"\n\n[log]\nformat = "json"\n' >>"$work/cardea.toml"
    cardea serve --manifest "$work/cardea.toml" 2>"$work/log" &
    gateway=$!
    for _ in $(seq 100); do
        url=$(sed -n 's/.*"url":"\(http:[^"]*\)\/mcp".*/\1/p' "$work/log")
        [[ -n $url ]] && break
        sleep 0.1
    done

    expect "the drafts' tools have names of their own" has '"name":"add_note"'
    expect "the archive is searched under the name it was given" has '"name":"search_archive"'
    expect "what both have carries the archive's name there" has '"name":"archive_read_note"'
    expect "nothing changes the archive" lacks archive_add_note
    expect "nor the name that was taken away" lacks archive_search_notes
    exit "$failed"
}

tools() {
    curl -sS "$url/teams/writers/mcp" -H 'Accept: application/json, text/event-stream' -H 'Content-Type: application/json' \
        -H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/list' \
        -d '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}'
}

has() { tools | grep -qF -- "$1"; }
lacks() { ! has "$1"; }

expect() {
    local what=$1
    shift
    if "$@"; then echo "ok   $what"; else echo "FAIL $what" && failed=1; fi
}

stop() {
    [[ -z $gateway ]] || kill "$gateway" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}

trap stop EXIT
main "$@"
