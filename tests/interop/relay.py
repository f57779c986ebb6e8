"""Raw comparisons: what a client gets through `/servers/<name>/mcp` against what the server itself says."""

import json
from contextlib import AbstractContextManager

from checks import Report, expect, same
from gateway import Gateway
from servers import Server, Servers
from wire import LEGACY, MODERN, Http, Refused, Stdio, members

Request = tuple[str, dict]

# docs/reference/bridging-fields.md explains each.
BRIDGED_RESULT = ("resultType", "ttlMs", "cacheScope")
RESOURCE_NOT_FOUND = {LEGACY: -32002, MODERN: -32602}
ERAS = {LEGACY: "legacy", MODERN: "modern"}
SERVER_INFO = "io.modelcontextprotocol/serverInfo"


def tool(name: str, **arguments: object) -> Request:
    return "tools/call", {"name": name, "arguments": arguments}


EVERYTHING: list[Request] = [
    ("tools/list", {}),
    tool("echo", message='grüß "Gott" \\ \u2028 </script>'),
    tool("get-sum", a=2, b=0.1),
    tool("get-tiny-image"),
    tool("get-annotated-message", messageType="error", includeImage=True),
    tool("get-structured-content", location="New York"),
    tool("get-resource-links", count=3),
    tool("get-sum", a="two", b=3),
    tool("no-such-tool"),
]
EVERYTHING_BEYOND_TOOLS: list[Request] = [
    ("prompts/list", {}),
    ("prompts/get", {"name": "simple-prompt"}),
    ("prompts/get", {"name": "args-prompt", "arguments": {"city": "Graz"}}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "demo://resource/static/document/architecture.md"}),
    ("resources/read", {"uri": "demo://resource/no/such"}),
]
TIME: list[Request] = [
    ("tools/list", {}),
    tool("convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"),
    tool("convert_time", source_timezone="Nowhere/None", time="12:00", target_timezone="UTC"),
    tool("convert_time", time="12:00"),
    tool("no_such_tool"),
]
REFERENCE: list[Request] = [
    ("tools/list", {}),
    tool("echo", message='grüß "Gott" \\ \u2028 </script>'),
    tool("big", size=8_000_000),
    tool("big", size="much"),
    tool("no_such_tool"),
]


def requests_for(server: Server, servers: Servers) -> list[Request]:
    if server.name.startswith("everything"):
        return EVERYTHING
    if server.name.startswith("reference"):
        return REFERENCE
    if server.name == "time":
        return TIME
    here = {"repo_path": str(servers.repository)}
    return [
        ("tools/list", {}),
        tool("git_status", **here),
        tool("git_log", **here, max_count=3),
        tool("git_diff_unstaged", **here),
        tool("git_show", **here, revision="HEAD"),
        tool("git_branch", **here, branch_type="local"),
        tool("git_show", **here, revision="no-such-revision"),
        tool("no_such_tool"),
    ]


def direct(server: Server, servers: Servers) -> AbstractContextManager[Http | Stdio]:
    """The server itself, in its own era. One over HTTP+SSE is compared with the same program over standard input and output."""
    if server.name == "everything-sse":
        return direct(servers.all["everything"], servers)
    if server.url:
        return Http(server.url, server.era)
    return Stdio(list(server.command), server.era, servers.scratch / f"{server.name}-direct.log")


def same_era(report: Report, gateway: Gateway, servers: Servers) -> None:
    for server in servers.all.values():
        with direct(server, servers) as straight, Http(gateway.url(server.name), server.era) as through:
            for method, params in requests_for(server, servers):
                name = f"same era, {server.name}: {label(method, params)} is byte-equal"
                report.run(name, byte_equal, straight, through, method, params)
    everything = servers.all["everything"]
    with direct(everything, servers) as straight, Http(gateway.url("everything"), LEGACY) as through:
        for method, params in EVERYTHING_BEYOND_TOOLS:
            name = f"same era, everything: {label(method, params)} is byte-equal"
            report.run(name, byte_equal, straight, through, method, params)


def cross_era(report: Report, gateway: Gateway, servers: Servers) -> None:
    for server in servers.all.values():
        other = LEGACY if server.era == MODERN else MODERN
        with direct(server, servers) as straight, Http(gateway.url(server.name), other) as through:
            for method, params in requests_for(server, servers):
                name = f"{ERAS[other]} client, {ERAS[server.era]} server, {server.name}: {label(method, params)} is equal but for the bridged fields"
                report.run(name, equal_but_for_bridging, straight, through, method, params)
    everything = servers.all["everything"]
    with direct(everything, servers) as straight, Http(gateway.url("everything"), MODERN) as through:
        for method, params in EVERYTHING_BEYOND_TOOLS:
            name = f"modern client, legacy server, everything: {label(method, params)} is equal but for the bridged fields"
            report.run(name, equal_but_for_bridging, straight, through, method, params)


def themselves(report: Report, servers: Servers) -> None:
    """Each server twice, without the gateway: whether its answers can be compared at all."""
    for server in servers.all.values():
        with direct(server, servers) as first, direct(server, servers) as second:
            for method, params in requests_for(server, servers):
                name = f"itself, {server.name}: {label(method, params)} is byte-equal"
                report.run(name, byte_equal, first, second, method, params)


def label(method: str, params: dict) -> str:
    subject = params.get("name") or params.get("uri") or ""
    detail = json.dumps(params.get("arguments", {}), ensure_ascii=False)
    return f"{method} {subject}{detail if len(detail) < 60 and subject else ''}".strip()


def byte_equal(straight: Http | Stdio, through: Http | Stdio, method: str, params: dict) -> str:
    wanted = members(straight.request(method, params))
    seen = members(through.request(method, params))
    same(sorted(seen), sorted(wanted), "the message")
    for member in ("result", "error"):
        same(seen.get(member), wanted.get(member), member)
    return f"{len(wanted.get('result') or wanted['error'])} bytes"


def equal_but_for_bridging(straight: Http | Stdio, through: Http, method: str, params: dict) -> None:
    wanted = json.loads(straight.request(method, params))
    seen = json.loads(through.request(method, params))
    if through.era == MODERN and "result" in seen:
        expect(seen["result"].get("resultType") == "complete", "a modern result without resultType")
    if method == "resources/read" and wanted.get("error", {}).get("code") == RESOURCE_NOT_FOUND[straight.era]:
        wanted["error"]["code"] = RESOURCE_NOT_FOUND[through.era]
        wanted["error"].setdefault("data", {"uri": params["uri"]})
    same(unbridged(seen), unbridged(wanted), "the answer")


def unbridged(message: dict) -> dict:
    """What must be equal across the eras, members in the order in which they came."""
    if "error" in message:
        return {"error": message["error"]}
    result = {name: value for name, value in message["result"].items() if name not in BRIDGED_RESULT}
    meta = {name: value for name, value in result.pop("_meta", {}).items() if name != SERVER_INFO}
    return {"result": {**result, **({"_meta": meta} if meta else {})}}


def bad_requests(report: Report, gateway: Gateway) -> None:
    """What an official client never sends."""
    for era in (LEGACY, MODERN):
        with Http(gateway.url("time"), era) as client:
            report.run(f"{era}: an unknown method is -32601", answers_error, client, "no/such", {}, -32601)
    report.run("an unknown server is 404", unknown_server, gateway)


def answers_error(client: Http, method: str, params: dict, code: int) -> str:
    error = json.loads(client.request(method, params))["error"]
    expect(error["code"] == code, f"{error}")
    return f"HTTP {client.status}"


def unknown_server(gateway: Gateway) -> None:
    try:
        with Http(gateway.url("no-such-server"), LEGACY) as client:
            expect(client.status == 404, f"HTTP {client.status}")
    except Refused as refused:
        expect(refused.status == 404, str(refused))
