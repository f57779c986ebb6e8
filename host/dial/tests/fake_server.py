"""An MCP server on standard input and output that misbehaves as its first argument and its tools' names say."""
import json
import os
import signal
import subprocess
import sys

ERA = sys.argv[1]
# A modern server that keeps its subscriptions open and tells of changes when it is told to.
TELLS = ERA == "telling"
if TELLS:
    ERA = "modern"
CAPABILITIES = {"tools": {"listChanged": True}, "resources": {"subscribe": True, "x": 1}, "logging": {}}
cancelled = []
subscribed = []
unsubscribed = []
listeners = {}
started = False


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def result(request, value):
    send({"jsonrpc": "2.0", "id": request["id"], "result": value})


def error(request, code):
    send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": "no"}})


def text(request, value):
    result(request, {"content": [{"type": "text", "text": value if isinstance(value, str) else json.dumps(value)}]})


def tool(request):
    params = request["params"]
    name, arguments = params["name"], params.get("arguments", {})
    if name == "echo":
        text(request, arguments["text"])
    elif name == "pid":
        text(request, str(os.getpid()))
    elif name == "params":
        text(request, params)
    elif name == "environment":
        text(request, sorted(os.environ))
    elif name == "progress":
        token = params["_meta"]["progressToken"]
        send({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
        send({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "nobody", "progress": 2}})
        text(request, "done")
    elif name == "log":
        for level in ["debug", "error"]:
            send({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": level, "data": "x"}})
        text(request, "done")
    elif name == "hang":
        print("hanging", request["id"], file=sys.stderr, flush=True)
        if "progressToken" in params.get("_meta", {}):
            token = params["_meta"]["progressToken"]
            send({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
    elif name == "cancelled":
        text(request, cancelled)
    elif name == "die":
        print("last\x1b[2J words", file=sys.stderr, flush=True)
        os._exit(3)
    elif name == "big":
        text(request, "x" * arguments["bytes"])
    elif name == "stray":
        print("Welcome!", flush=True)
        text(request, "done")
    elif name == "spawn":
        text(request, str(subprocess.Popen(["sleep", "1000"]).pid))
    elif name == "ask":
        answers = []
        for identity, method in [(0, "ping"), ("q", "roots/list")]:
            send({"jsonrpc": "2.0", "id": identity, "method": method})
            answers.append(json.loads(sys.stdin.readline()))
        text(request, answers)
    elif name == "change" and TELLS:
        for identity, wanted in listeners.items():
            meta = {"io.modelcontextprotocol/subscriptionId": identity}
            if wanted.get("toolsListChanged"):
                send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": meta}})
            if "a:b" in wanted.get("resourceSubscriptions", []):
                params = {"uri": "a:b", "_meta": meta}
                send({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params})
        text(request, "done")
    elif name == "unsubscribed":
        text(request, unsubscribed)
    elif name == "listeners":
        text(request, list(listeners.values()))
    elif name == "change":
        for method in ["notifications/tools/list_changed", "notifications/resources/updated"]:
            send({"jsonrpc": "2.0", "method": method, "params": {"uri": "a:b"}})
        text(request, "done")
    elif name == "subscribed":
        text(request, subscribed)
    elif name == "raw":
        print('{ "x": 1.0 ,"result" : {"b":1e2,"a":[ ], "u":"\\u00e9"}, "id":%s,"jsonrpc":"2.0"}' % request["id"], flush=True)
    else:
        error(request, -32602)


def listen(request):
    def say(method, identity, **params):
        params["_meta"] = {"io.modelcontextprotocol/subscriptionId": identity}
        send({"jsonrpc": "2.0", "method": "notifications/" + method, "params": params})

    wanted = request["params"]["notifications"]
    if TELLS:
        listeners[request["id"]] = wanted
        honoured = dict(wanted)
        honoured["resourceSubscriptions"] = [uri for uri in wanted.get("resourceSubscriptions", []) if uri != "no:such"]
        return say("subscriptions/acknowledged", request["id"], notifications=honoured)
    say("subscriptions/acknowledged", request["id"], notifications=wanted)
    for step in range(wanted.get("x-changes", 1)):
        say("tools/list_changed", request["id"], step=step)
    say("tools/list_changed", 999)
    if wanted.get("x-end") == "result":
        result(request, {"resultType": "complete"})
    elif wanted.get("x-end") == "cancelled":
        send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request["id"]}})


def handle(message):
    global started
    method = message.get("method")
    if method == "notifications/cancelled":
        cancelled.append(message["params"]["requestId"])
        listeners.pop(message["params"]["requestId"], None)
    elif "id" not in message or method is None:
        pass
    elif method == "initialize" and ERA != "modern":
        started = True
        result(message, {"protocolVersion": "2025-06-18", "capabilities": CAPABILITIES, "serverInfo": {"name": "fake"}})
    elif method == "server/discover" and ERA == "modern":
        capabilities = CAPABILITIES if TELLS else {"tools": {}}
        result(message, {"supportedVersions": ["2026-07-28"], "capabilities": capabilities, "resultType": "complete"})
    elif not started and ERA == "exits":
        os._exit(1)
    elif not started and ERA == "silent":
        pass
    elif method == "tools/call":
        tool(message)
    elif method == "subscriptions/listen":
        listen(message)
    elif method == "resources/subscribe" and ERA != "modern":
        subscribed.append(message["params"]["uri"])
        result(message, {})
    elif method == "resources/unsubscribe" and ERA != "modern":
        unsubscribed.append(message["params"]["uri"])
        result(message, {})
    elif method == "logging/setLevel":
        result(message, {})
    else:
        error(message, -32601)


if ERA == "fails":
    print("no such repository", file=sys.stderr, flush=True)
    sys.exit(1)
if ERA == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    handle(json.loads(line))
if ERA == "stubborn":
    while True:
        signal.pause()
