"""The official Python client in front of the gateway, or of a server itself."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx2
from mcp import Client, MCPError
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from checks import Report, expect, same

Check = Callable[[Client, "Target"], Awaitable[object]]
MODES = ("auto", "legacy", "2026-07-28")
# Where a gateway that a client starts writes its log.
NOBODY = Path(os.devnull).open("w")


class Target:
    """A URL, or a command, with the tools that the checks call there. `diary` is where its server notes cancellations, if it does."""

    def __init__(
        self,
        name: str,
        url: str = "",
        *,
        slow: str,
        diary: Path | None,
        prefix: str = "",
        modes: tuple[str, ...] = MODES,
        transport: str = "http",
        command: tuple[str, ...] = (),
    ):
        self.name, self.url, self.prefix, self.modes, self.diary = name, url, prefix, modes, diary
        self.transport, self.command = transport, command
        self.echo = f"{prefix}echo"
        self.slow = f"{prefix}{slow}"

    def echoed(self, text: str) -> tuple[str, ...]:
        return (text, f"Echo: {text}")

    def slow_arguments(self, label: str, steps: int) -> dict:
        if self.slow.endswith("slow"):
            return {"label": label, "steps": steps}
        return {"duration": steps / 20, "steps": steps}


def client(target: Target, mode: str, headers: dict[str, str] | None = None) -> Client:
    if target.transport == "sse":
        return Client(sse_client(target.url), mode=mode, cache=None)
    if target.transport == "stdio":
        program, *arguments = target.command
        return Client(stdio_client(StdioServerParameters(command=program, args=arguments), errlog=NOBODY), mode=mode, cache=None)
    if headers is None:
        return Client(target.url, mode=mode, cache=None)
    return Client(streamable_http_client(target.url, http_client=httpx2.AsyncClient(headers=headers)), mode=mode, cache=None)


def run(report: Report, target: Target) -> None:
    for mode in target.modes:
        for name, check in CHECKS.items():
            if check is large and target.diary is None:
                continue
            report.run_async(f"Python client {mode}, {target.name}: {name}", connected_for, check, target, mode)


async def connected_for(check: Check, target: Target, mode: str) -> object:
    async with client(target, mode) as connected:
        return await check(connected, target)


async def lists(connected: Client, target: Target) -> str:
    names = [tool.name for tool in (await connected.list_tools()).tools]
    expect(target.echo in names, f"{target.echo} is not among {names}")
    return f"{connected.protocol_version}, {len(names)} tools"


async def calls(connected: Client, target: Target) -> None:
    await says(connected, target, "grüß Gott")


async def says(connected: Client, target: Target, text: str) -> None:
    result = await connected.call_tool(target.echo, {"message": text})
    expect(not result.is_error and result.content[0].text in target.echoed(text), f"{result}")


async def unknown_tool(connected: Client, target: Target) -> str:
    try:
        result = await connected.call_tool(f"{target.prefix}no-such-tool", {})
    except MCPError as error:
        expect(error.code == -32602, f"{error.code} {error}")
        return f"{error.code}"
    expect(result.is_error, f"{result}")
    return "a tool result with isError"


async def progress(connected: Client, target: Target) -> str:
    seen: list[float] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    result = await connected.call_tool(target.slow, target.slow_arguments("progress", 4), progress_callback=note)
    expect(not result.is_error, f"{result}")
    same(seen, [1, 2, 3, 4], "progress")
    return f"{len(seen)} notifications"


async def twenty_at_once(connected: Client, target: Target) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(says(connected, target, f"number {number}"))


async def cancels(connected: Client, target: Target) -> str:
    label = f"cancel-{connected.protocol_version}-{target.name}"
    begun = asyncio.Event()

    async def note(*_: object) -> None:
        begun.set()

    call = asyncio.create_task(connected.call_tool(target.slow, target.slow_arguments(label, 400), progress_callback=note))
    waiting = asyncio.create_task(begun.wait())
    await asyncio.wait({call, waiting}, return_when=asyncio.FIRST_COMPLETED)
    expect(begun.is_set(), "the call ended before its first progress")
    call.cancel()
    await asyncio.wait({call})
    await says(connected, target, "after the cancellation")
    if target.diary is None:
        return "the session goes on"
    await noted(target.diary, f"cancelled {label}")
    return "the server saw it"


async def noted(diary: Path, line: str) -> None:
    for _ in range(200):
        if diary.exists() and line in diary.read_text().splitlines():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"10 s later the server has not written {line!r}")


async def large(connected: Client, target: Target) -> None:
    result = await connected.call_tool(f"{target.prefix}big", {"size": 500_000})
    same(len(result.content[0].text), 500_000, "the size")


CHECKS = {
    "connects and lists": lists,
    "calls": calls,
    "an unknown tool is an error": unknown_tool,
    "progress": progress,
    "20 calls at once": twenty_at_once,
    "cancellation": cancels,
    "a result of 500 kB": large,
}
