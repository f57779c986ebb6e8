"""A check is a function that returns or raises; each gives one line, and the last line counts them."""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable

SECONDS = 60


class Report:
    """Runs checks and says how they went. `only` is a part of the names of those to run."""

    def __init__(self, only: str = "", verbose: bool = False):
        self.only, self.verbose = only, verbose
        self.passed = 0
        self.failed: list[str] = []

    def run(self, name: str, check: Callable[..., object], *arguments: object) -> None:
        if self.only not in name:
            return
        started = time.monotonic()
        try:
            told = check(*arguments)
        except Exception as problem:
            self.fail(name, problem)
            return
        self.passed += 1
        millis = (time.monotonic() - started) * 1000
        print(f"ok    {name} ({millis:.0f} ms{f'; {told}' if isinstance(told, str) else ''})", flush=True)

    def run_async(self, name: str, check: Callable[..., Awaitable[object]], *arguments: object) -> None:
        async def limited() -> object:
            async with asyncio.timeout(SECONDS):
                return await check(*arguments)

        self.run(name, lambda: asyncio.run(limited()))

    def fail(self, name: str, problem: BaseException | str) -> None:
        self.failed.append(name)
        print(f"FAIL  {name}: {flat(problem)}", flush=True)
        if self.verbose and isinstance(problem, BaseException):
            traceback.print_exception(problem, file=sys.stdout)

    def finish(self) -> int:
        print(f"{self.passed} passed, {len(self.failed)} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def flat(problem: BaseException | str) -> str:
    """One line for an error; of a group of errors, the first that says something."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    if isinstance(problem, str):
        return problem
    words = " ".join(str(problem).split())
    return f"{type(problem).__name__}: {words[:600]}"


def expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def same(seen: object, wanted: object, what: str) -> None:
    """Equal, or an error that shows where the difference begins."""
    if seen == wanted:
        return
    left, right = str(seen), str(wanted)
    at = next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))
    window = slice(max(0, at - 60), at + 120)
    raise AssertionError(f"{what} differs at {at}: seen …{left[window]}… wanted …{right[window]}…")
