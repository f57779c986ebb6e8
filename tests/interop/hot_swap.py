"""New rules and new plugin files while an official client calls without a pause: no call fails, and the rule holds within a second."""

import asyncio
import os
import shutil
import time
from contextlib import asynccontextmanager
from pathlib import Path

from mcp import Client, MCPError

from checks import Report, expect
from gateway import Gateway, replace
from manifests import guarded, guarded_text
from policy import key
from python_client import Target, client
from servers import Servers

CALLERS = 4
BOTH, ECHO_ONLY = ("echo", "big"), ("echo",)


class Load:
    """Callers that call `echo` all the time; what failed is kept."""

    def __init__(self) -> None:
        self.done = 0
        self.failed: list[str] = []
        self.stopping = False

    async def call(self, target: Target, mode: str) -> None:
        async with client(target, mode, key("reader")) as connected:
            while not self.stopping:
                try:
                    result = await connected.call_tool("echo", {"message": f"{self.done}"})
                    if result.is_error:
                        self.failed.append(f"{result}")
                except MCPError as error:
                    self.failed.append(f"{error}")
                self.done += 1

    @asynccontextmanager
    async def running(self, target: Target):
        callers = [asyncio.create_task(self.call(target, target.modes[n % len(target.modes)])) for n in range(CALLERS)]
        try:
            await self.more()
            yield self
            await self.more()
        finally:
            self.stopping = True
            await asyncio.gather(*callers)

    async def more(self) -> None:
        """Waits for enough further calls that every caller made some."""
        wanted = self.done + 10 * CALLERS
        while self.done < wanted and not self.failed:
            await asyncio.sleep(0.01)

    def verdict(self) -> str:
        expect(not self.failed, f"{len(self.failed)} of {self.done} calls failed, the first: {self.failed[:1]}")
        return f"{self.done} calls, none failed"


def run(report: Report, binary: Path, servers: Servers, folder: Path, within: float) -> None:
    plugin = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "plugins" / "rbac.wasm"
    if not plugin.exists():
        report.fail("hot swap", f"{plugin} is missing: cargo xtask plugins builds it")
        return
    folder.mkdir()
    shutil.copy(plugin, folder / "rbac.wasm")
    manifest = guarded(servers, folder, reader_tools=BOTH, rbac="./rbac.wasm")
    with Gateway(binary, manifest) as gateway:
        target = Target("reference", gateway.url("reference"), slow="slow", diary=None)
        text = guarded_text(servers, reader_tools=ECHO_ONLY, rbac="./rbac.wasm")
        report.run_async("hot swap: a tool is denied", denied, manifest, text, target, within)
        report.run_async("hot swap: a plugin file is replaced", swapped, gateway, target, within)
        report.run_async("hot swap: a broken plugin file changes nothing", broken, gateway, target)
        report.run_async("hot swap: a broken manifest changes nothing", broken_manifest, gateway, target)


async def denied(manifest: Path, text: str, target: Target, within: float) -> str:
    async with client(target, "2026-07-28", key("reader")) as prober, Load().running(target) as load:
        expect(await allowed(prober), "big is refused before the change")
        changed = time.monotonic()
        replace(manifest, text)
        while await allowed(prober):
            expect(time.monotonic() - changed < 10, "big is still allowed after 10 s")
        took = time.monotonic() - changed
    expect(took < within, f"the rule came into force after {took:.2f} s")
    return f"in force after {took * 1000:.0f} ms; {load.verdict()}"


async def allowed(prober: Client) -> bool:
    try:
        return not (await prober.call_tool("big", {"size": 1})).is_error
    except MCPError:
        return False


async def swapped(gateway: Gateway, target: Target, within: float) -> str:
    """The same code with one more custom section: another file, the same rules."""
    file = gateway.manifest.with_name("rbac.wasm")
    async with Load().running(target) as load:
        gateway.forget()
        changed = time.monotonic()
        replace(file, file.read_bytes() + b"\x00\x05\x04swap")
        line = await logged(gateway, "generation published")
        took = time.monotonic() - changed
    expect(line["kept"] == line["stages"] - 1, f"one stage is new: {line}")
    expect(took < within, f"published after {took:.2f} s, {line['millis']} ms of them for compiling and trying the plugin")
    return f"generation {line.get('generation')} after {took * 1000:.0f} ms; {load.verdict()}"


async def broken(gateway: Gateway, target: Target) -> str:
    file = gateway.manifest.with_name("rbac.wasm")
    whole = file.read_bytes()
    async with Load().running(target) as load:
        gateway.forget()
        replace(file, whole[: len(whole) // 2])
        await logged(gateway, "reload refused")
        await load.more()
        replace(file, whole)
    return load.verdict()


async def broken_manifest(gateway: Gateway, target: Target) -> str:
    whole = gateway.manifest.read_text()
    async with Load().running(target) as load:
        gateway.forget()
        replace(gateway.manifest, whole.replace("[listen]", "[listne]"))
        await logged(gateway, "reload refused")
        await load.more()
        replace(gateway.manifest, whole)
    return load.verdict()


async def logged(gateway: Gateway, start: str) -> dict:
    return await asyncio.to_thread(gateway.wait_for, lambda line: str(line.get("message", "")).startswith(start), 10)
