# For the checks of examples, which source it: a gateway on the example's manifest, requests to it, and what they must say.
#
#   . "$(dirname "$0")/../gateway.sh"     $1 of the check is the folder of cardea and its servers; default: target/debug
#
# After `serve FOLDER` the manifest is $work/cardea.toml, the log $work/log. A check ends with `exit "$failed"`.

work=$(mktemp -d)
gateway=
failed=0

stop() {
    if [[ -n $gateway ]]; then kill "$gateway" 2>/dev/null && wait "$gateway" || true; fi
    rm -rf "$work"
}
trap stop EXIT

# serve FOLDER [PROGRAMS]: the manifest of an example, on a free port.
serve() {
    PATH=$(cd "${2:-$1/../../target/debug}" && pwd):$PATH
    sed 's/127\.0\.0\.1:8080/127.0.0.1:0/' "$1/cardea.toml" >"$work/cardea.toml"
    printf '\n[admin]\naddress = "off"\n\n[log]\nformat = "json"\n' >>"$work/cardea.toml"
    cardea check --manifest "$work/cardea.toml"
    cardea serve --manifest "$work/cardea.toml" 2>"$work/log" &
    gateway=$!
    if ! eventually grep -q '"serving"' "$work/log"; then
        cat "$work/log" >&2
        exit 1
    fi
    url=http://$(sed -n 's/.*"serving".*"address":"\([^"]*\)".*/\1/p; s/.*"address":"\([^"]*\)".*"serving".*/\1/p' "$work/log" | head -n1)/mcp
}

# eventually COMMAND...: tries again until it holds, for ten seconds at most.
eventually() {
    local end=$((SECONDS + 10))
    until "$@"; do
        if ((SECONDS > end)); then return 1; fi
        sleep 0.1
    done
}

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

# expect WORDS PART TEXT: says whether the part is in the text.
expect() {
    if [[ $3 == *"$2"* ]]; then
        echo "ok      $1"
    else
        echo "FAILED  $1: $3"
        failed=1
    fi
}
