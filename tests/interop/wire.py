"""MCP spoken by hand, so that answers can be compared byte by byte: no SDK stands between."""

import http.client
import itertools
import json
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = {"name": "interop", "version": "1"}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
HANDSHAKE = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class Refused(Exception):
    """The other side answered with an HTTP status and no JSON-RPC message."""

    def __init__(self, status: int, body: bytes):
        super().__init__(f"HTTP {status}: {body[:200]!r}")
        self.status = status


class Http:
    """A client on one URL; `era` is the protocol it speaks. Keeps the last status and headers for a look."""

    def __init__(self, url: str, era: str, headers: dict[str, str] | None = None):
        parts = urlsplit(url)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.era = era
        self.headers = headers or {}
        self.session: dict[str, str] = {}
        self.ids = itertools.count(1)
        self.status = 0
        self.answered: http.client.HTTPMessage | None = None

    def __enter__(self) -> Self:
        if self.era == LEGACY:
            self.request("initialize", HANDSHAKE)
            session = self.answered["mcp-session-id"]
            self.session = {"mcp-protocol-version": LEGACY, **({"mcp-session-id": session} if session else {})}
            self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}).read()
        return self

    def __exit__(self, *_: object) -> None:
        if "mcp-session-id" in self.session:
            self.connection.close()
            self.connection.request("DELETE", self.path, headers={**self.headers, **self.session})
            self.connection.getresponse().read()
        self.connection.close()

    def request(self, method: str, params: dict) -> bytes:
        """The answer to a request, exactly as it came."""
        message = request(next(self.ids), method, params, self.era)
        response = self.post(message)
        return self.message_for(message["id"], response)

    def post(self, message: dict) -> http.client.HTTPResponse:
        headers = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self.headers,
            **self.session,
            **(routing(message) if self.era == MODERN else {}),
        }
        self.connection.request("POST", self.path, body=json.dumps(message), headers=headers)
        response = self.connection.getresponse()
        self.status, self.answered = response.status, response.headers
        return response

    def message_for(self, wanted: int, response: http.client.HTTPResponse) -> bytes:
        if response.headers.get_content_type() == "text/event-stream":
            for data in events(response):
                if is_answer(data, wanted):
                    response.read()
                    return data
            raise Refused(response.status, b"the stream ended without an answer")
        body = response.read()
        if response.headers.get_content_type() != "application/json" or b'"jsonrpc"' not in body:
            raise Refused(response.status, body)
        return body


class Stdio:
    """A client of a program of its own, over its standard input and output."""

    def __init__(self, command: list[str], era: str, log: Path):
        self.command, self.era, self.log = command, era, log
        self.ids = itertools.count(1)

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        if self.era == LEGACY:
            self.request("initialize", HANDSHAKE)
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def request(self, method: str, params: dict) -> bytes:
        """The answer to a request, exactly as it came."""
        message = request(next(self.ids), method, params, self.era)
        self.send(message)
        for line in self.process.stdout:
            if is_answer(line, message["id"]):
                return line.strip()
        raise Refused(0, b"the program ended without an answer")

    def send(self, message: dict) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()


def request(number: int, method: str, params: dict, era: str) -> dict:
    if era == MODERN:
        params = {**params, "_meta": {**params.get("_meta", {}), **ENVELOPE}}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def routing(message: dict) -> dict[str, str]:
    headers = {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}
    if message["method"] in NAMED:
        headers["mcp-name"] = message["params"][NAMED[message["method"]]]
    return headers


def events(stream: http.client.HTTPResponse):
    """The data of each server-sent event that has some."""
    lines: list[bytes] = []
    for line in stream:
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif not line:
            if data := b"\n".join(lines):
                yield data
            lines = []


def is_answer(data: bytes, wanted: int) -> bool:
    message = json.loads(data)
    return message.get("id") == wanted and "method" not in message


def members(data: bytes) -> dict[str, str]:
    """The members of a JSON object, each value as the text it was sent as."""
    text, decode, found = data.decode(), json.JSONDecoder().raw_decode, {}
    at = blank(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decode(text, at)
        start = blank(text, blank(text, at) + 1)
        _, end = decode(text, start)
        found[name] = text[start:end]
        at = blank(text, end)
        at = blank(text, at + 1) if text[at] == "," else at
    return found


def blank(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
