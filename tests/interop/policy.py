"""Keys, roles, limits and the journal, as clients of both eras meet them."""

import asyncio
import contextlib
import json
from pathlib import Path

from mcp import MCPError

from checks import Report, expect, same
from gateway import Gateway
from manifests import CAPACITY, KEYS
from python_client import Target, client
from wire import LEGACY, MODERN, Http, Refused


def run(report: Report, gateway: Gateway, target: Target) -> None:
    for era in (LEGACY, MODERN):
        for what, headers in (("no key", {}), ("a wrong key", {"x-api-key": "wrong"})):
            report.run(f"policy, {era}: {what} is 401 with a challenge", unauthenticated, gateway, era, headers)
        report.run(f"policy, {era}: a hidden tool answers as an unknown one", hidden, gateway, era)
    for mode in target.modes:
        report.run_async(f"policy, Python client {mode}: lists what its role may call, and calls it", reads, target, mode)
        report.run_async(f"policy, Python client {mode}: may not call the rest", refused, target, mode)
    report.run("policy: beyond the burst a call is refused with a time to wait", limited, gateway)
    report.run("policy: the journal has one record for each call, refused ones included", journalled, gateway)


def key(role: str) -> dict[str, str]:
    return {"x-api-key": KEYS[role]}


def unauthenticated(gateway: Gateway, era: str, headers: dict[str, str]) -> None:
    client = Http(gateway.url("reference"), era, headers)
    with contextlib.suppress(Refused), client:
        client.request("tools/list", {})
    expect(client.status == 401, f"HTTP {client.status}")
    expect(client.answered["www-authenticate"], f"no challenge in {client.answered.items()}")


def hidden(gateway: Gateway, era: str) -> None:
    """What the reader is told of a tool that it may not see, and of one that is not there."""
    with Http(gateway.url("reference"), era, key("reader")) as reader:
        answers = []
        for name in ("shout", "shouu"):
            answer = json.loads(reader.request("tools/call", {"name": name, "arguments": {"message": "x"}}))
            answers.append((reader.status, json.dumps(answer.get("error", answer.get("result"))).replace(name, "NAME")))
        same(*answers, "the answer")


async def reads(target: Target, mode: str) -> None:
    async with client(target, mode, key("reader")) as connected:
        same([tool.name for tool in (await connected.list_tools()).tools], ["echo"], "the list")
        result = await connected.call_tool("echo", {"message": "hello"})
        same(result.content[0].text, "hello", "the result")


async def refused(target: Target, mode: str) -> str:
    async with client(target, mode, key("reader")) as connected:
        try:
            result = await connected.call_tool("slow", {"label": "x", "steps": 1})
        except (MCPError, ExceptionGroup) as error:
            return f"{type(error).__name__}: {error}"
        expect(result.is_error, f"{result}")
        return "a tool result with isError"


def limited(gateway: Gateway) -> str:
    with Http(gateway.url("reference"), MODERN, key("limited")) as client:
        for number in range(CAPACITY):
            answer = json.loads(client.request("tools/call", {"name": "shout", "arguments": {"message": "x"}}))
            expect("result" in answer, f"call {number}: {answer}")
        error = json.loads(client.request("tools/call", {"name": "shout", "arguments": {"message": "x"}}))["error"]
        expect(client.status == 429, f"HTTP {client.status}")
        expect(int(client.answered["retry-after"]) > 0, "no retry-after")
        expect(error.get("data"), f"{error}")
        return f"{error}"


def journalled(gateway: Gateway) -> str:
    """An allowed call, a hidden one and one without a key: one record for each, found by the id that the client was told."""
    asked: dict[str, str] = {}
    with Http(gateway.url("reference"), MODERN, key("reader")) as client:
        for tool in ("echo", "shout"):
            client.request("tools/call", {"name": tool, "arguments": {"message": "x"}})
            asked[client.answered["x-request-id"]] = tool
    with Http(gateway.url("reference"), MODERN) as client:
        with contextlib.suppress(Refused):
            client.request("tools/call", {"name": "echo", "arguments": {"message": "x"}})
        asked[client.answered["x-request-id"]] = "no key"
    journal = asyncio.run(journal_with(gateway.manifest.parent, set(asked)))
    told = {what: [line for line in journal if call in line] for call, what in asked.items()}
    same({what: len(lines) for what, lines in told.items()}, dict.fromkeys(asked.values(), 1), "the number of records")
    outcomes = {what: json.loads(lines[0]) for what, lines in told.items()}
    for record in outcomes.values():
        expect("api-key" in json.dumps(record), f"no verdict of api-key in {record}")
    return json.dumps({what: record.get("outcome") for what, record in outcomes.items()})


async def journal_with(folder: Path, calls: set[str]) -> list[str]:
    """The journal's lines once all these calls are in it."""
    for _ in range(100):
        lines = [line for file in folder.rglob("journal/0*.jsonl") for line in file.read_text().splitlines()]
        if all(any(call in line for line in lines) for call in calls):
            return lines
        await asyncio.sleep(0.05)
    raise AssertionError(f"5 s later {calls} are not all among the journal's {len(lines)} lines")
