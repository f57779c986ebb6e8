"""The roads to the gateway beside streamable HTTP: HTTP+SSE of 2024-11-05, and `cardea stdio` before a gateway or a manifest."""

import argparse
import subprocess
import time
from pathlib import Path

import manifests
import node_clients
import python_client
from checks import Report, expect
from gateway import Gateway, binary
from python_client import Target
from servers import Servers

LONG = "trigger-long-running-operation"


def over_sse(report: Report, options: argparse.Namespace, servers: Servers, gateway: Gateway) -> None:
    """Clients that know nothing but a stream: all of them speak a version with sessions."""
    legacy = Target("everything over /sse", gateway.url("everything", "sse"), slow=LONG, diary=None, modes=("legacy",), transport="sse")
    modern = Target(
        "reference over /sse", gateway.url("reference", "sse"), slow="slow", diary=servers.diary, modes=("legacy",), transport="sse"
    )
    for target in (legacy,) if options.quick else (legacy, modern):
        clients(report, options, target, ("legacy",))


def bridged(report: Report, options: argparse.Namespace, servers: Servers, gateway: Gateway) -> None:
    """`cardea stdio --url`: a desktop client in front of a gateway that runs."""
    for target in (
        stdio("everything bridged", servers, ("--url", gateway.url("everything")), slow=LONG),
        stdio("reference bridged", servers, ("--url", gateway.url("reference")), slow="slow"),
    ):
        clients(report, options, target, ("legacy", "auto", "modern"))


def alone(report: Report, options: argparse.Namespace, servers: Servers) -> None:
    """`cardea stdio --manifest`: the gateway in the process that the client starts."""
    folder = servers.scratch / "alone"
    manifest = ("--manifest", str(manifests.alone(servers, folder)))
    one = (*manifest, "--endpoint", "/servers/everything/mcp")
    for target in (
        stdio("everything in one process", servers, one, slow=LONG),
        stdio("all servers in one process", servers, manifest, slow="slow", prefix="reference_"),
    ):
        clients(report, options, target, ("legacy", "auto", "modern"))
    report.run("cardea stdio: nothing it started is left", nothing_left, servers, folder)


def stdio(name: str, servers: Servers, arguments: tuple[str, ...], *, slow: str, prefix: str = "") -> Target:
    diary = servers.diary if slow == "slow" else None
    command = (str(binary()), "stdio", *arguments)
    return Target(name, slow=slow, diary=diary, prefix=prefix, transport="stdio", command=command)


def clients(report: Report, options: argparse.Namespace, target: Target, eras: tuple[str, ...]) -> None:
    python_client.run(report, target)
    if options.quick:
        return
    node_clients.typescript(report, options.installed, target, tuple(era for era in eras if era != "modern"))
    node_clients.inspector(report, options.installed, target, eras)


def nothing_left(servers: Servers, folder: Path) -> str:
    """No process of the run, and none of the servers that it started."""
    started = [" ".join(servers.all[name].command) for name in ("everything", "reference")]
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        running = subprocess.run(["ps", "-eo", "args"], check=True, capture_output=True, text=True).stdout
        left = [line for line in running.splitlines() if line.strip() in started or str(folder) in line]
        if not left:
            return "no process"
        time.sleep(0.1)
    expect(False, f"{left}")
    return ""
