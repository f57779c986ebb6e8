"""A server on the official SDK, both eras, with what the published ones lack: progress, a diary of cancellations, size."""

import argparse
import asyncio
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("reference", version="1.0.0")
diary: Path


def write(line: str) -> None:
    with diary.open("a") as file:
        file.write(line + "\n")


@server.tool()
def echo(message: str) -> str:
    """Says the same."""
    return message


@server.tool()
def shout(message: str) -> str:
    """Says the same, louder."""
    return message.upper()


@server.tool()
def big(size: int) -> str:
    """A text of so many characters, none of them the same as its neighbour."""
    return ("0123456789abcdef" * (size // 16 + 1))[:size]


@server.tool()
async def slow(label: str, steps: int, ctx: Context, pause_ms: int = 50) -> str:
    """Reports progress at every step; a cancellation goes into the diary."""
    try:
        for step in range(1, steps + 1):
            await asyncio.sleep(pause_ms / 1000)
            await ctx.report_progress(step, steps, f"step {step}")
    except asyncio.CancelledError:
        write(f"cancelled {label}")
        raise
    write(f"finished {label}")
    return f"{label}: {steps} steps"


def main() -> None:
    global diary
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--diary", type=Path, required=True)
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    diary = options.diary
    if options.port:
        server.run("streamable-http", host="127.0.0.1", port=options.port)
    else:
        server.run()


if __name__ == "__main__":
    main()
