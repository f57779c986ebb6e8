#!/usr/bin/env bash
# Drives the example as its README describes it, with curl and a Redis of its own, against programs that are already built.
#
#   examples/replicas-redis/check.sh [FOLDER]     FOLDER holds cardea and cardea-notes-server; default: target/debug
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
running=()
failed=0

main() {
    if ! command -v redis-server >/dev/null; then
        echo "skipped: there is no redis-server here"
        exit 0
    fi
    PATH=$(cd "${1:-${CARGO_TARGET_DIR:-$here/../../target}/debug}" && pwd):$PATH
    redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --loglevel warning >"$work/redis.log" &
    running+=($!)
    eventually test -S "$work/redis.sock"
    export REDIS_URL=unix://$work/redis.sock CLUSTER_KEY
    CLUSTER_KEY=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    serve one
    serve two

    session=$(open_session "$one")
    expect "a session of the first is served by the second" answers 'Hinge oil' call "$two" "$session"
    expect "both count for one limit" limited
    expect "the second ends it" answers '^204$' end "$two" "$session"
    expect "and the first knows that" answers '^404$' end "$one" "$session"
    exit "$failed"
}

# serve NAME: starts a replica with a folder of its own; its URL is then in the variable of that name.
serve() {
    mkdir "$work/$1"
    cp "$here/cardea.toml" "$work/$1/cardea.toml"
    cardea serve --manifest "$work/$1/cardea.toml" 2>"$work/$1/log" &
    running+=($!)
    if ! eventually grep -qs '"serving"' "$work/$1/log"; then
        cat "$work/$1/log" >&2
        exit 1
    fi
    printf -v "$1" 'http://%s/servers/notes/mcp' "$(grep '"serving"' "$work/$1/log" | sed 's/.*"address":"\([^"]*\)".*/\1/')"
}

post() {
    local url=$1 body=$2
    shift 2
    curl -s -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' "$@" -d "$body" "$url"
}

open_session() {
    local client='{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"check","version":"1"}}'
    post "$1" '{"jsonrpc":"2.0","id":1,"method":"initialize","params":'"$client"'}' -D - -o /dev/null |
        tr -d '\r' | sed -n 's/^mcp-session-id: //Ip'
}

call() {
    post "$1" '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"search_notes","arguments":{"query":"hinge"}}}' \
        -H "Mcp-Session-Id: $2" -H 'MCP-Protocol-Version: 2025-11-25' "${@:3}"
}

end() {
    curl -s -X DELETE -o /dev/null -w '%{http_code}\n' -H "Mcp-Session-Id: $2" -H 'MCP-Protocol-Version: 2025-11-25' "$1"
}

# One call was made; five more are let in, wherever they come in.
limited() {
    local other answered=0 url id text
    other=$(open_session "$two")
    for url in "$one" "$two" "$one" "$two" "$one" "$two" "$one"; do
        [[ $url == "$one" ]] && id=$session || id=$other
        text=$(call "$url" "$id")
        echo "$text"
        if [[ $text == *'Hinge oil'* ]]; then answered=$((answered + 1)); fi
    done
    [[ $answered == 5 ]]
}

stop() {
    for process in "${running[@]}"; do kill "$process" 2>/dev/null && wait "$process" || true; done
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

answers() { local pattern=$1 text; shift; text=$("$@"); echo "$text"; grep -q -- "$pattern" <<<"$text"; }

# eventually COMMAND...: tries again until it holds, for ten seconds at most.
eventually() {
    local tries=200
    until "$@"; do
        ((tries-- > 0)) || return 1
        sleep 0.05
    done
}

main "$@"
