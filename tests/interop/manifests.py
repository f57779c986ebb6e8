"""The two manifests: one that lets everything pass, and one with keys, roles, limits and a journal."""

import hashlib
from pathlib import Path

from servers import Servers

KEYS = {"reader": "interop-reader-key", "limited": "interop-limited-key", "writer": "interop-writer-key"}
CAPACITY = 3

HEAD = """\
data-directory = "data"
{open}
[listen]
address = "127.0.0.1:0"

[admin]
address = "off"

[log]
format = "json"

"""


def head(why: str | None) -> str:
    return HEAD.replace("{open}", f'open = "{why}"\n' if why else "")


def open_to_all(servers: Servers, folder: Path) -> Path:
    tables = "\n".join(server.table() for server in servers.all.values())
    return written(folder, f'{head("interop")}{tables}\n[[stage]]\nplugin = "anonymous"\n')


def guarded(servers: Servers, folder: Path, *, reader_tools: tuple[str, ...], rbac: str = "rbac") -> Path:
    return written(folder, guarded_text(servers, reader_tools=reader_tools, rbac=rbac))


def guarded_text(servers: Servers, *, reader_tools: tuple[str, ...], rbac: str = "rbac") -> str:
    """Readers call some tools of one server, writers all of them; who is limited has a small burst and little more."""
    keys = ",\n".join(
        f'    {{ id = "{role}", sha256 = "{hashlib.sha256(key.encode()).hexdigest()}", roles = ["{role}"] }}' for role, key in KEYS.items()
    )
    named = ", ".join(f'"{tool}"' for tool in reader_tools)
    return f"""{head(None)}{servers.all["reference"].table()}session = "shared"

{servers.all["time"].table()}
[[stage]]
plugin = "api-key"
[stage.config]
keys = [
{keys}
]

[[stage]]
plugin = "{rbac}"
[stage.config.roles.reader]
allow = [{{ methods = ["tools/call"], servers = ["reference"], names = [{named}] }}]
[stage.config.roles.limited]
allow = [{{ methods = ["tools/call"], servers = ["reference"] }}]
[stage.config.roles.writer]
allow = [{{ methods = ["*"] }}]

[[stage]]
plugin = "rate-limit"
match = {{ methods = ["tools/call"], names = ["shout"] }}
grant = {{ limiter = true }}
[stage.config]
limits = [{{ per = ["subject"], capacity = {CAPACITY}, refill-per-second = 0.001 }}]

[[stage]]
plugin = "audit"
grant = {{ journal = true }}
"""


def written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cardea.toml"
    path.write_text(text)
    return path


def alone(servers: Servers, folder: Path) -> Path:
    """One that `cardea stdio` serves by itself."""
    tables = "\n".join(servers.all[name].table() for name in ("everything", "reference"))
    return written(folder, f'{head("interop")}[stdio]\nsubject = "interop"\n\n{tables}')
