"""One gateway for the length of a `with`, on a free port, with a manifest in a folder of its own."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self


class Gateway:
    """`cardea serve` on a manifest; its log lines can be waited for."""

    def __init__(self, binary: Path, manifest: Path):
        self.binary, self.manifest = binary, manifest
        self.lines: queue.Queue[dict | None] = queue.Queue()
        self.address = ""

    def __enter__(self) -> Self:
        command = [self.binary, "serve", "--manifest", self.manifest]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        threading.Thread(target=self.read_log, daemon=True).start()
        try:
            self.address = self.wait_for(lambda line: line.get("message") == "serving", 120)["address"]
        except TimeoutError:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def read_log(self) -> None:
        with self.manifest.with_name("gateway.log").open("wb") as file:
            for line in self.process.stderr:
                file.write(line)
                file.flush()
                self.lines.put(fields(line))
        self.lines.put(None)

    def wait_for(self, wanted: Callable[[dict], bool], seconds: float) -> dict:
        """The next log line that is wanted."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                raise TimeoutError(f"the gateway ended: {self.last_words()}")
            if wanted(line):
                return line
        raise TimeoutError(f"no such log line in {seconds} s: {self.last_words()}")

    def forget(self) -> None:
        """Lines up to now are not waited for any more."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.lines.get_nowait()

    def last_words(self) -> str:
        return " | ".join(self.manifest.with_name("gateway.log").read_text().splitlines()[-5:])

    def url(self, server: str | None = None, road: str = "mcp") -> str:
        return f"http://{self.address}" + (f"/servers/{server}/{road}" if server else f"/{road}")


def fields(line: bytes) -> dict:
    """One line of the log as a flat object, wherever the subscriber put the event's fields."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return {"message": line.decode(errors="replace").strip()}
    return {**parsed, **parsed.get("fields", {})}


def binary() -> Path:
    default = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "debug" / "cardea"
    return Path(os.environ.get("CARDEA_BIN", default)).resolve()


def replace(path: Path, content: str | bytes) -> None:
    """Puts new content into a file as an editor does: whole, by renaming."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    new.replace(path)
