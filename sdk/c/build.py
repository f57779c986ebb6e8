"""Builds a plugin written in C: sources, bindings and WIT in, one component out.

Run it with the Python of a virtual environment that holds requirements.txt.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

# The bindings name this symbol to pull in an object file of types, which `wasm-tools component embed` adds instead.
TYPES = "void {0}(void);\nvoid {0}(void) {{}}\n"

# Zig's own default is 16 MiB, as much as the gateway gives to a whole instance.
STACK = 128 * 1024


def main() -> int:
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        core = compile_core(options, Path(scratch))
        component = componentize(options, core)
    for name, path in (("cardea:manifest", options.manifest), ("cardea:config-schema", options.schema)):
        if path:
            component += custom_section(name, path.read_bytes())
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(component)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path, help="C files")
    parser.add_argument("--wit", type=Path, default=HERE.parent.parent / "wit", help="folder of the interface")
    parser.add_argument("--world", default="every-built-hook", help="world that the plugin implements")
    parser.add_argument("--bindings", type=Path, default=HERE / "bindings", help="what wit-bindgen made for that world")
    parser.add_argument("--manifest", type=Path, help="plugin.toml")
    parser.add_argument("--schema", type=Path, help="JSON Schema of the configuration")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the component")
    return parser.parse_args()


def compile_core(options: argparse.Namespace, scratch: Path) -> Path:
    types, core = scratch / "types.c", scratch / "core.wasm"
    types.write_text(TYPES.format("__component_type_object_force_link_cardea"))
    sources = [types, *options.bindings.glob("*.c"), *options.sources]
    flags = ["-target", "wasm32-wasi", "-mexec-model=reactor", "-std=c17", "-Os", "-s", "-Wall", "-Wextra", "-Werror"]
    flags.append(f"-Wl,-z,stack-size={STACK}")
    run(sys.executable, "-m", "ziglang", "cc", *flags, "-I", options.bindings, "-o", core, *sources)
    return core


def componentize(options: argparse.Namespace, core: Path) -> bytes:
    wasm_tools = Path(sys.executable).parent / "wasm-tools"
    typed, component = core.with_suffix(".typed.wasm"), core.with_suffix(".component.wasm")
    run(wasm_tools, "component", "embed", options.wit, "--world", options.world, core, "-o", typed)
    run(wasm_tools, "component", "new", typed, "-o", component)
    return component.read_bytes()


def run(*command: object) -> None:
    # Zig keeps its own libc builds; beside the tools they are thrown away together.
    environment = {"ZIG_GLOBAL_CACHE_DIR": str(Path(sys.prefix) / "zig-cache"), **os.environ}
    done = subprocess.run([str(part) for part in command], env=environment)
    if done.returncode:
        sys.exit(done.returncode)


def custom_section(name: str, content: bytes) -> bytes:
    named = leb128(len(name.encode())) + name.encode() + content
    return b"\0" + leb128(len(named)) + named


def leb128(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


if __name__ == "__main__":
    sys.exit(main())
