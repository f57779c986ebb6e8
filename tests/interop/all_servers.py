"""The endpoint of all servers, `/mcp`: names with their server's prefix."""

import json

from checks import Report, expect, same
from gateway import Gateway
from relay import direct, unbridged
from servers import Servers
from wire import LEGACY, MODERN, Http


def run(report: Report, gateway: Gateway, servers: Servers) -> None:
    for era in (LEGACY, MODERN):
        report.run(f"all servers, {era}: lists every tool of every server under its prefix", lists, gateway, servers, era)
        report.run(f"all servers, {era}: a name without prefix is unknown", without_prefix, gateway, era)
        for server, name, arguments in (
            ("everything", "get-sum", {"a": 1, "b": 2}),
            ("everything-http", "echo", {"message": "x"}),
            ("time", "convert_time", {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}),
            ("git", "git_log", {"repo_path": str(servers.repository)}),
            ("reference-http", "big", {"size": 1000}),
        ):
            report.run(f"all servers, {era}: {server}_{name} answers as its server", calls, gateway, servers, era, server, name, arguments)


def lists(gateway: Gateway, servers: Servers, era: str) -> str:
    wanted = {}
    for server in servers.all.values():
        with direct(server, servers) as straight:
            for tool in json.loads(straight.request("tools/list", {}))["result"]["tools"]:
                wanted[f"{server.name}_{tool['name']}"] = {**tool, "name": None}
    with Http(gateway.url(), era) as client:
        seen = {tool["name"]: {**tool, "name": None} for tool in pages(client)}
    same(sorted(seen), sorted(wanted), "the names")
    same({name: seen[name] for name in sorted(seen)}, {name: wanted[name] for name in sorted(wanted)}, "the definitions")
    return f"{len(seen)} tools"


def pages(client: Http) -> list[dict]:
    found: list[dict] = []
    params: dict = {}
    while True:
        result = json.loads(client.request("tools/list", params))["result"]
        found += result["tools"]
        if "nextCursor" not in result:
            return found
        params = {"cursor": result["nextCursor"]}


def without_prefix(gateway: Gateway, era: str) -> str:
    with Http(gateway.url(), era) as client:
        answer = json.loads(client.request("tools/call", {"name": "echo", "arguments": {"message": "x"}}))
        expect(answer.get("error", {}).get("code") == -32602, f"{answer}")
        return f"HTTP {client.status}"


def calls(gateway: Gateway, servers: Servers, era: str, server: str, name: str, arguments: dict) -> None:
    with direct(servers.all[server], servers) as straight, Http(gateway.url(), era) as through:
        wanted = json.loads(straight.request("tools/call", {"name": name, "arguments": arguments}))
        seen = json.loads(through.request("tools/call", {"name": f"{server}_{name}", "arguments": arguments}))
        same(unbridged(seen), unbridged(wanted), "the answer")
