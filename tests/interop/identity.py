"""Tokens of a real identity provider (idp.mjs) at the gateway: signed, bound to a key, rotated, and while the provider is away."""

import base64
import hashlib
import http.cookiejar
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from checks import Report, expect, same
from gateway import Gateway
from servers import HERE, Servers, free_port
from wire import MODERN, Http, Refused

CALLBACK = "http://127.0.0.1:1/callback"
SECRET = "secret-of-a-test-client"  # noqa: S105, everybody may know it


class Provider:
    """The provider for the length of a `with`; entering it again with other keys is a rotation."""

    def __init__(self, installed: Path, resources: list[str]):
        self.installed, self.resources = installed, resources
        self.port, self.keys = free_port(), 1
        self.issuer = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        settings = {"port": self.port, "keys": str(self.keys), "resources": self.resources, "ttl": 300}
        command = [shutil.which("node"), HERE / "idp.mjs", json.dumps(settings)]
        self.process = subprocess.Popen(command, cwd=self.installed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        expect(self.process.stdout.readline(), "the identity provider did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        self.process.stdout.close()

    def token(self, client: str, resource: str, scope: str = "mcp:tools", proof: str | None = None) -> str:
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        basic = base64.b64encode(f"{client}:{SECRET}".encode()).decode()
        headers = {"authorization": f"Basic {basic}", **({"dpop": proof} if proof else {})}
        request = urllib.request.Request(f"{self.issuer}/token", urlencode(form).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["access_token"]


class Holder:
    """Somebody who has a key and proves it (RFC 9449)."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))

    def proof(self, method: str, uri: str, token: str | None = None) -> str:
        claims = {"jti": str(uuid.uuid4()), "htm": method, "htu": uri, "iat": int(time.time())}
        if token:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        return jwt.encode(claims, self.key, "ES256", {"typ": "dpop+jwt", "jwk": self.public})


def run(report: Report, binary: Path, installed: Path, servers: Servers, folder: Path) -> None:
    port = free_port()
    resource = f"http://127.0.0.1:{port}/servers/reference/mcp"
    provider = Provider(installed, [resource, f"http://127.0.0.1:{port}/mcp"])
    manifest = written(folder, servers, port, provider.issuer)
    with provider, Gateway(binary, manifest) as gateway:
        report.run("identity: metadata names the issuer, at the exact path", metadata, gateway, provider, resource)
        for algorithm in ("RS256", "ES256", "EdDSA"):
            report.run(f"identity: a token signed with {algorithm}", admitted, gateway, provider.token(f"cc-{algorithm}", resource))
        other = provider.token("cc-RS256", f"http://127.0.0.1:{port}/mcp")
        opaque = provider.token("opaque", resource)
        for what, token in (("a token for another endpoint", other), ("an opaque token", opaque), ("no token", None)):
            report.run(f"identity: {what} is 401 and leads to the metadata", challenged, gateway, token, resource)
        report.run("identity: a scope that is missing is 403 and named", lacking, gateway, provider, resource)
        report.run("identity: a bound token needs a fresh proof of its own", bound, gateway, provider, resource)
        for mode in ("auto", "legacy", MODERN):
            report.run_async(f"identity, Python client {mode}: logs in by itself", logs_in, resource, mode)
        before = provider.token("cc-ES256", resource)
        report.run("identity: before a rotation", admitted, gateway, before)
        provider.__exit__()
        report.run("identity: known keys hold while the provider is away", admitted, gateway, before)
        provider.keys += 1
        with provider:
            report.run("identity: a rotation is noticed with the first new token", admitted, gateway, provider.token("cc-ES256", resource))
            report.run("identity: and what the old keys signed holds no more", challenged, gateway, before, resource)
    with Gateway(binary, manifest) as gateway:
        report.run("identity: without the provider nobody knows, which is 503", unknown, gateway, before)


def written(folder: Path, servers: Servers, port: int, issuer: str) -> Path:
    folder.mkdir()
    manifest = folder / "cardea.toml"
    manifest.write_text(f"""
data-directory = "data"
open = "interop"

[listen]
address = "127.0.0.1:{port}"

[admin]
address = "off"

[log]
format = "json"

{servers.all["reference"].table()}start-timeout = "60s"
[[stage]]
plugin = "jwt"
grant = {{ kv = true, private-addresses = ["127.0.0.1/32"], jose = [{{ issuer = "{issuer}" }}] }}
metadata = {{ scopes = ["mcp:tools"] }}
[stage.config]
required-scopes = ["mcp:tools"]
""")
    return manifest


def metadata(gateway: Gateway, provider: Provider, resource: str) -> None:
    place = f"http://{gateway.address}/.well-known/oauth-protected-resource"
    with urllib.request.urlopen(f"{place}/servers/reference/mcp", timeout=60) as response:
        told = json.load(response)
    same((told["resource"], told["authorization_servers"]), (resource, [provider.issuer]), "the metadata")
    try:
        urllib.request.urlopen(place, timeout=60)
    except urllib.error.HTTPError as error:
        same(error.code, 404, "the status at the root")


def call(gateway: Gateway, headers: dict[str, str]) -> tuple[Http, dict]:
    with Http(gateway.url("reference"), MODERN, headers) as client:
        try:
            answer = json.loads(client.request("tools/call", {"name": "echo", "arguments": {"message": "hello"}}))
        except Refused as refused:
            answer = {"refused": str(refused)}
        return client, answer


def admitted(gateway: Gateway, token: str) -> None:
    client, answer = call(gateway, {"authorization": f"Bearer {token}"})
    expect("result" in answer, f"HTTP {client.status}: {answer}")


def challenged(gateway: Gateway, token: str | None, resource: str) -> str:
    client, _ = call(gateway, {"authorization": f"Bearer {token}"} if token else {})
    same(client.status, 401, "the status")
    challenge = client.answered["www-authenticate"]
    place = f"http://{gateway.address}/.well-known/oauth-protected-resource{urlsplit(resource).path}"
    expect(f'resource_metadata="{place}"' in challenge, challenge)
    return challenge


def lacking(gateway: Gateway, provider: Provider, resource: str) -> None:
    client, _ = call(gateway, {"authorization": f"Bearer {provider.token('cc-RS256', resource, 'mcp:admin')}"})
    same(client.status, 403, "the status")
    challenge = client.answered["www-authenticate"]
    for word in ('error="insufficient_scope"', 'scope="mcp:tools"', "resource_metadata="):
        expect(word in challenge, challenge)


def bound(gateway: Gateway, provider: Provider, resource: str) -> None:
    holder, thief = Holder(), Holder()
    token = provider.token("cc-ES256", resource, proof=holder.proof("POST", f"{provider.issuer}/token"))
    proof = holder.proof("POST", resource, token)
    client, answer = call(gateway, {"authorization": f"DPoP {token}", "dpop": proof})
    expect("result" in answer, f"HTTP {client.status}: {answer}")
    for what, headers in (
        ("shown twice", {"authorization": f"DPoP {token}", "dpop": proof}),
        ("by another key", {"authorization": f"DPoP {token}", "dpop": thief.proof("POST", resource, token)}),
        ("for another method", {"authorization": f"DPoP {token}", "dpop": holder.proof("GET", resource, token)}),
        ("for no token", {"authorization": f"DPoP {token}", "dpop": holder.proof("POST", resource)}),
        ("none, as a bearer token", {"authorization": f"Bearer {token}"}),
    ):
        client, _ = call(gateway, headers)
        same(client.status, 401, f"the status of a proof {what}")


def unknown(gateway: Gateway, token: str) -> None:
    client, _ = call(gateway, {"authorization": f"Bearer {token}"})
    same(client.status, 503, "the status")


class Memory:
    """Where the client keeps what it got: nowhere beyond this run."""

    tokens: OAuthToken | None = None
    client_info: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client_info

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client_info = client_info


async def logs_in(resource: str, mode: str) -> str:
    """The client knows the URL of the endpoint and nothing else; a user with a browser consents to what it asks for."""
    arrived: list[str] = []

    async def browse(url: str) -> None:
        arrived.append(User().consents(url))

    async def back() -> AuthorizationCodeResult:
        query = {name: values[0] for name, values in parse_qs(urlsplit(arrived[-1]).query).items()}
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))

    about = OAuthClientMetadata(client_name="interop", redirect_uris=[CALLBACK], token_endpoint_auth_method="none")
    memory = Memory()
    login = OAuthClientProvider(resource, about, memory, browse, back)
    async with httpx2.AsyncClient(auth=login) as http_client:
        async with Client(streamable_http_client(resource, http_client=http_client), mode=mode, cache=None) as client:
            result = await client.call_tool("echo", {"message": "hello"})
            same(result.content[0].text, "hello", "the result")
    same(len(arrived), 1, "the number of logins")
    return f"scope {memory.tokens.scope}"


class User(urllib.request.HTTPRedirectHandler):
    """A browser without a screen: keeps cookies, fills in the provider's two forms, and stops at the client's own address."""

    def __init__(self) -> None:
        self.browser = urllib.request.build_opener(self, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.arrived = ""

    def redirect_request(self, request, body, code, message, headers, url):  # noqa: ANN001, ANN201, PLR0913, the signature is urllib's
        if url.startswith(CALLBACK):
            self.arrived = url
            return None
        return super().redirect_request(request, body, code, message, headers, url)

    def consents(self, url: str) -> str:
        """The address the client is sent back to."""
        form: dict[str, str] | None = None
        for _ in range(10):
            try:
                with self.browser.open(url, urlencode(form).encode() if form else None, timeout=60) as response:
                    page, at = response.read().decode(), response.geturl()
            except urllib.error.HTTPError as error:
                if self.arrived:
                    return self.arrived
                raise AssertionError(f"{error.geturl()}: HTTP {error.code}: {error.read()[:300]!r}") from error
            url = urljoin(at, re.search(r'<form[^>]* action="([^"]+)"', page)[1])
            form = {"prompt": re.search(r'name="prompt" value="([^"]+)"', page)[1], "login": "alice", "password": "any"}
        raise AssertionError(f"no end of forms: {url}")
