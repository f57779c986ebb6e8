#!/usr/bin/env node
// Builds a plugin written in JavaScript: one entry module and its world in, one component out.

import { cp, mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { componentize } from "componentize-qjs";

const USAGE = `usage: build.mjs --wit DIR --world-file FILE --world NAME [--manifest FILE] [--schema FILE] -o FILE ENTRY.js

  --wit         folder of the interface
  --world-file  WIT file with the plugin's own world
  --world       name of that world
  --manifest    plugin.toml
  --schema      JSON Schema of the configuration
  -o, --output  the component`;

const text = { type: "string" };
const options = {
    wit: text,
    "world-file": text,
    world: text,
    manifest: text,
    schema: text,
    output: { ...text, short: "o" },
};

async function main() {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const entry = positionals[0];
    if (!entry || ["wit", "world-file", "world", "output"].some((name) => !values[name])) throw new Error(USAGE);

    const parts = [await build(entry, values)];
    if (values.manifest) parts.push(customSection("cardea:manifest", await readFile(values.manifest)));
    if (values.schema) parts.push(customSection("cardea:config-schema", await readFile(values.schema)));
    await mkdir(dirname(resolve(values.output)), { recursive: true });
    await writeFile(values.output, Buffer.concat(parts));
}

async function build(entry, values) {
    const witPath = await mkdtemp(join(tmpdir(), "cardea-wit-"));
    try {
        await cp(values.wit, witPath, { recursive: true });
        await cp(values["world-file"], join(witPath, "plugin-world.wit"));
        const { component } = await componentize({
            witPath,
            world: values.world,
            jsSource: await readFile(entry, "utf8"),
            jsPath: resolve(entry),
            moduleRoot: dirname(resolve(entry)),
            // No plugin is given WASI, and the gateway calls hooks synchronously.
            stubWasi: true,
            sync: true,
            optSize: true,
        });
        return component;
    } finally {
        await rm(witPath, { recursive: true });
    }
}

function customSection(name, content) {
    const label = Buffer.from(name);
    const body = Buffer.concat([leb128(label.length), label, content]);
    return Buffer.concat([Buffer.of(0), leb128(body.length), body]);
}

function leb128(number) {
    const bytes = [];
    for (; number > 0x7f; number >>>= 7) bytes.push((number & 0x7f) | 0x80);
    return Buffer.from([...bytes, number]);
}

main().catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
});
