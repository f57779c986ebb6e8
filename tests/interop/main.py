"""Proof from outside: published servers behind the gateway, official clients in front of it. run.sh installs both."""

import argparse
import sys
import tempfile
from pathlib import Path

import all_servers
import hot_swap
import manifests
import node_clients
import policy
import python_client
import relay
import roads
from checks import Report
from gateway import Gateway, binary
from python_client import Target
from servers import Servers

LONG = "trigger-long-running-operation"


def main() -> int:
    options = arguments()
    report = Report(options.only, options.verbose)
    with tempfile.TemporaryDirectory(prefix="cardea-interop-") as name, Servers(options.installed, Path(name)).running() as servers:
        try:
            if options.direct:
                without_gateway(report, options, servers)
            else:
                behind_gateway(report, options, servers)
        except Exception as problem:  # a gateway that does not start is one failure, not a trace
            report.fail("the run itself", problem)
        if options.keep:
            servers.scratch.rename(options.keep)
            servers.scratch.mkdir()
    return report.finish()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--installed", type=Path, required=True, help="folder with the npm packages")
    parser.add_argument("--direct", action="store_true", help="no gateway: clients against servers, to know the harness is good")
    parser.add_argument("--quick", action="store_true", help="one client, one mode for each pair")
    parser.add_argument("--only", default="", metavar="TEXT", help="only checks whose name has this text")
    parser.add_argument("--within", type=float, default=1.0, metavar="SECONDS", help="longest time until a changed file counts")
    parser.add_argument("--keep", type=Path, help="move the manifests and logs of the run here")
    parser.add_argument("--verbose", action="store_true", help="show where a check failed")
    return parser.parse_args()


def without_gateway(report: Report, options: argparse.Namespace, servers: Servers) -> None:
    relay.themselves(report, servers)
    legacy = Target("everything-http", servers.url("everything-http"), slow=LONG, diary=None, modes=("auto", "legacy"))
    modern = Target("reference-http", servers.url("reference-http"), slow="slow", diary=servers.diary)
    for target in (legacy, modern):
        python_client.run(report, target)
        node_clients.typescript(report, options.installed, target)
    node_clients.inspector(report, options.installed, legacy, ("legacy", "auto"))
    node_clients.inspector(report, options.installed, modern)


def behind_gateway(report: Report, options: argparse.Namespace, servers: Servers) -> None:
    gateway_binary = binary()
    if not gateway_binary.exists():
        raise FileNotFoundError(f"{gateway_binary}: build the gateway, or name its binary in CARDEA_BIN")
    with Gateway(gateway_binary, manifests.open_to_all(servers, servers.scratch / "open")) as gateway:
        relay.same_era(report, gateway, servers)
        relay.cross_era(report, gateway, servers)
        relay.bad_requests(report, gateway)
        all_servers.run(report, gateway, servers)
        clients(report, options, servers, gateway)
        roads.over_sse(report, options, servers, gateway)
        roads.bridged(report, options, servers, gateway)
    roads.alone(report, options, servers)
    manifest = manifests.guarded(servers, servers.scratch / "guarded", reader_tools=("echo",))
    with Gateway(gateway_binary, manifest) as gateway:
        policy.run(report, gateway, Target("reference", gateway.url("reference"), slow="slow", diary=servers.diary))
    hot_swap.run(report, gateway_binary, servers, servers.scratch / "swap", options.within)


def clients(report: Report, options: argparse.Namespace, servers: Servers, gateway: Gateway) -> None:
    for target in targets(servers, gateway, options.quick):
        python_client.run(report, target)
        if options.quick:
            continue
        node_clients.typescript(report, options.installed, target)
        node_clients.inspector(report, options.installed, target)


def targets(servers: Servers, gateway: Gateway, quick: bool) -> list[Target]:
    modes = ("auto",) if quick else python_client.MODES
    legacy = ("everything",) if quick else ("everything", "everything-http", "everything-sse")
    modern = ("reference",) if quick else ("reference", "reference-http")
    return [
        *(Target(name, gateway.url(name), slow=LONG, diary=None, modes=modes) for name in legacy),
        *(Target(name, gateway.url(name), slow="slow", diary=servers.diary, modes=modes) for name in modern),
        Target("all servers", gateway.url(), slow="slow", diary=servers.diary, prefix="reference_", modes=modes),
    ]


if __name__ == "__main__":
    sys.exit(main())
