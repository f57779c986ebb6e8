"""The servers behind the gateway: published packages, and one of ours that is built on the official SDK."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wire import LEGACY, MODERN

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Server:
    """One server: how to reach it, and the protocol that it speaks at its best."""

    name: str
    era: str
    command: tuple[str, ...] = ()
    url: str = ""

    def table(self) -> str:
        """Its part of a manifest."""
        how = f"url = {json.dumps(self.url)}" if self.url else f"command = {json.dumps(list(self.command))}"
        return f'[[server]]\nname = "{self.name}"\n{how}\n'


class Servers:
    """All of them. `installed` is the folder that run.sh fills, `scratch` one for this run."""

    def __init__(self, installed: Path, scratch: Path):
        self.scratch = scratch
        self.diary = scratch / "diary.txt"
        scripts = Path(sys.executable).parent
        everything = installed / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
        node = shutil.which("node")
        reference = (sys.executable, str(HERE / "reference_server.py"), "--diary", str(self.diary))
        self.http_ports = {name: free_port() for name in ("everything-http", "everything-sse", "reference-http")}
        self.http_commands = {
            "everything-http": [node, str(everything), "streamableHttp"],
            "everything-sse": [node, str(everything), "sse"],
            "reference-http": [*reference, "--port", str(self.http_ports["reference-http"])],
        }
        self.repository = scratch / "repository"
        self.all = {
            server.name: server
            for server in (
                Server("everything", LEGACY, (node, str(everything), "stdio")),
                Server("everything-http", LEGACY, url=self.url("everything-http")),
                Server("everything-sse", LEGACY, url=self.url("everything-sse")),
                Server("git", MODERN, (str(scripts / "mcp-server-git"), "--repository", str(self.repository))),
                Server("time", MODERN, (str(scripts / "mcp-server-time"), "--local-timezone", "UTC")),
                Server("reference", MODERN, reference),
                Server("reference-http", MODERN, url=self.url("reference-http")),
            )
        }

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.http_ports[name]}/{'sse' if name.endswith('-sse') else 'mcp'}"

    @contextmanager
    def running(self):
        """Makes the repository and runs the servers that speak HTTP."""
        make_repository(self.repository)
        processes = []
        try:
            for name, command in self.http_commands.items():
                environment = {**os.environ, "PORT": str(self.http_ports[name])}
                with (self.scratch / f"{name}.log").open("wb") as log:
                    processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            for name, port in self.http_ports.items():
                wait_for_port(name, port)
            yield self
        finally:
            for process in processes:
                process.terminate()
                process.wait(timeout=10)


def make_repository(folder: Path) -> None:
    """A repository in which nothing depends on who runs this, or when."""
    folder.mkdir()
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Interop"), ("EMAIL", "interop@example.com"), ("DATE", "2026-01-02T03:04:05Z"))
    }
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"}

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", folder, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)

    git("init", "--quiet", "--initial-branch", "main")
    (folder / "a.txt").write_text("one\n")
    git("add", "a.txt")
    git("commit", "--quiet", "--message", 'first: ünïcode <&> "quotes"')
    (folder / "a.txt").write_text("two\n")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(name: str, port: int) -> None:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{name} does not listen on {port}")
