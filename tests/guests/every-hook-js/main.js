// The guest of ../every-hook.md in JavaScript: every hook, every import, no JSON parser.

import call from "cardea:plugin/call@0.1.0";
import catalog from "cardea:plugin/catalog@0.1.0";
import clock from "cardea:plugin/clock@0.1.0";
import config from "cardea:plugin/config@0.1.0";
import credential from "cardea:plugin/credential@0.1.0";
import journal from "cardea:plugin/journal@0.1.0";
import kv from "cardea:plugin/kv@0.1.0";
import limiter from "cardea:plugin/limiter@0.1.0";
import log from "cardea:plugin/log@0.1.0";
import metric from "cardea:plugin/metric@0.1.0";
import obligation from "cardea:plugin/obligation@0.1.0";
import reply from "cardea:plugin/reply@0.1.0";
import scratch from "cardea:plugin/scratch@0.1.0";
import subject from "cardea:plugin/subject@0.1.0";
import { bytes, object, list, quoted, raw, refusal, text, trap } from "./words.js";

const PASS = { tag: "pass" };
const BUCKETS = [
    { key: "r", rule: { tag: "rate", val: { capacity: 5, refillPerSecond: 0.5 } }, cost: 1 },
    { key: "w", rule: { tag: "window", val: { limit: 10, per: "day", utcOffsetMinutes: 60 } }, cost: 2 },
    { key: "c", rule: { tag: "concurrent", val: 3 }, cost: 1 },
];

export const lifecycle = {
    init: () => failIfConfigured("/init-error"),
    selftest: () => failIfConfigured("/selftest-error"),
};

export const onAuthenticate = {
    authenticate() {
        const [value] = credential.header("x-every-hook");
        switch (value) {
            case undefined:
                return { tag: "none" };
            case "refuse":
                return {
                    tag: "refuse",
                    val: refusal("unauthenticated", { headers: [["www-authenticate", "Bearer"]], retryAfterMs: null }),
                };
            case "trap":
                return trap();
            case "facts":
                return { tag: "subject", val: subjectOfFacts() };
            default:
                return {
                    tag: "subject",
                    val: person({ issuer: "every-hook", id: value, kind: "user", roles: ["tester"], claimsJson: '{"team":"blue"}' }),
                };
        }
    },
};

export const onList = {
    keep(items) {
        if (items[0]?.id === "trap") trap();
        const all = subject.roles().includes("all");
        return items.map((item) => all || item.hints.readOnly || catalog.get(item.kind, item.id, "/title") !== null);
    },
};

export const onCall = {
    judge() {
        const deed = named(deeds, argument("do"));
        return orElse(deed, problem);
    },
};

export const onRoute = {
    choose(candidates) {
        if (candidates[0]?.id === "trap") trap();
        const isMirror = ({ labels }) => labels.some(([name, value]) => name === "mirror" && value === "yes");
        const ids = (chosen) => chosen.map(({ id }) => id);
        const hedge = config.get("/hedge-ms");
        return {
            order: ids(candidates.filter((c) => c.healthy && !isMirror(c)).sort((a, b) => a.inFlight - b.inFlight)),
            mirrors: ids(candidates.filter(isMirror)),
            hedgeAfterMs: hedge === null ? null : Number(hedge),
            sticky: subject.id() || null,
            extJson: null,
        };
    },
};

export const onReply = {
    judge() {
        const deed = named(replyDeeds, argument("reply"));
        return orElse(deed, (name) => refuse(refusal("invalid", { message: name })));
    },
};

export const onRecord = {
    deliver(batch) {
        for (const { cursor, json } of batch) {
            if (json.includes('"trap"')) trap();
            if (json.includes('"fail"')) throw `record ${cursor} refused`;
            log.write("info", json, [["cursor", `${cursor}`]]);
        }
        orElse(() => kv.add("delivered", batch.length, null), (name) => {
            throw name;
        });
    },
};

/// What `on-call` does, by the argument `do`.
const deeds = {
    answer: () => answer(json("json") ?? "{}"),
    refuse: () =>
        refuse(
            refusal(argument("kind") ?? "forbidden", {
                form: argument("form") === "tool-result" ? "tool-result" : "error",
            }),
        ),
    trap,
    facts: () =>
        answer(
            object({
                id: quoted(call.id()),
                method: quoted(call.method()),
                name: quoted(call.name()),
                nativeName: quoted(call.nativeName()),
                server: quoted(call.server()),
                endpoint: quoted(call.endpoint()),
                version: quoted(call.protocolVersion()),
                header: quoted(call.header("x-probe")),
                time: call.remainingMs() > 0,
                size: call.size(),
                get: raw(call.get("/arguments/probe")),
                many: list(call.getMany(["/arguments/probe", "/arguments/none"]), raw),
                text: quoted(call.text("/arguments/probe")),
            }),
        ),
    subject: () =>
        answer(
            object({
                id: quoted(subject.id()),
                tenant: quoted(subject.tenant()),
                keyed: subject.key() !== "",
                roles: list(subject.roles(), quoted),
                groups: list(subject.groups(), quoted),
                scopes: list(subject.scopes(), quoted),
                claim: raw(subject.claim("/team")),
                current: described(subject.current()),
            }),
        ),
    config: () =>
        answer(object({ json: config.json(), get: raw(config.get("/probe")), generation: config.generation() })),
    clock: () => answer(object({ now: clock.nowMs() })),
    catalog: () =>
        answer(object({ value: raw(catalog.get("tool", argument("id") ?? "", argument("pointer") ?? "")) })),
    elsewhere: () =>
        answer(
            object({
                method: quoted(credential.httpMethod()),
                headers: credential.header("x-every-hook").length,
                peer: credential.tlsPeer() !== null,
                reply: reply.size(),
                text: quoted(reply.text("/probe")),
            }),
        ),
    texts: () =>
        answer(
            object({
                leaves: list(leaves(call), (leaf) => list([leaf.pointer, leaf.text], quoted)),
            }),
        ),
    set() {
        call.set(argument("pointer") ?? "", json("json") ?? "");
        return afterEdit();
    },
    remove() {
        call.remove(argument("pointer") ?? "");
        return afterEdit();
    },
    "set-texts"() {
        call.setTexts([[argument("pointer") ?? "", argument("text") ?? ""]]);
        return afterEdit();
    },
    "scratch-put": () => passAfter(() => scratch.put("k", bytes(argument("value") ?? ""))),
    "scratch-get": () => answer(object({ value: quoted(noted()) })),
    oblige() {
        obligation.add("mask", json("json") ?? "");
        return argument("then") === "pass" ? PASS : answer(object({ pending: obligation.pending().length }));
    },
    fulfil() {
        const pending = obligation.pending();
        for (const { id, kind } of pending) if (kind === "stamp") obligation.fulfil(id);
        return answer(
            object({ pending: list(pending, (duty) => list([quoted(duty.kind), raw(duty.json)])) }),
        );
    },
    log: () => passAfter(() => log.write("warn", "every-hook", [["k", "v"]])),
    metric() {
        metric.count("calls", 1);
        metric.observe("size", 1.5);
        return PASS;
    },
    take() {
        const { allowed, bucket, remaining, retryAfterMs, resetMs } = limiter.take(BUCKETS);
        return answer(object({ allowed, bucket, remaining, retryAfterMs, resetMs }));
    },
    settle,
    "kv-get": () => answer(object({ value: quoted(text(kv.get("k"))) })),
    "kv-put": () => passAfter(() => kv.put("k", bytes(argument("value") ?? ""), 60000)),
    "kv-delete": () => passAfter(() => kv.delete("k")),
    "kv-add": () => answer(object({ value: kv.add("n", 2, null) })),
    "kv-cas"() {
        const expected = argument("expect");
        const swapped = kv.cas("k", expected === null ? null : bytes(expected), bytes(argument("value") ?? ""), null);
        return answer(object({ value: swapped }));
    },
    journal() {
        journal.include("call", "/arguments/secret", "drop");
        journal.include("reply", "/content", "hash");
        journal.note("seen", "true");
        return PASS;
    },
};

/// What `on-reply` does, by the argument `reply`.
const replyDeeds = {
    refuse: () => refuse(refusal("forbidden")),
    trap,
    facts() {
        const facts = object({
            origin: quoted(reply.origin()),
            error: reply.isError(),
            toolError: reply.isToolError(),
            code: raw(reply.errorCode()),
            size: reply.size(),
            get: raw(reply.get("/probe")),
            many: list(reply.getMany(["/probe", "/none"]), raw),
            text: quoted(reply.text("/probe")),
        });
        return passAfter(() => reply.set("/facts", facts));
    },
    set: () => passAfter(() => reply.set(argument("pointer") ?? "", json("json") ?? "")),
    remove: () => passAfter(() => reply.remove(argument("pointer") ?? "")),
    "set-texts": () =>
        passAfter(() => reply.setTexts(leaves(reply).map((leaf) => [leaf.pointer, `<${leaf.text}>`]))),
    scratch: () => passAfter(() => reply.set("/scratch", quoted(noted()))),
    settle,
};

function named(deeds, name) {
    return Object.hasOwn(deeds, name) ? deeds[name] : () => PASS;
}

function failIfConfigured(pointer) {
    const error = config.get(pointer);
    if (error !== null) throw error;
}

function subjectOfFacts() {
    const peer = credential.tlsPeer();
    return person({
        issuer: credential.uri(),
        id: "facts",
        kind: "service",
        client: credential.httpMethod(),
        credentialId: credential.endpoint(),
        roles: credential.header("x-role"),
        groups: peer === null ? [] : [peer.digest, ...peer.names],
        expiresMs: clock.nowMs() + 60000,
    });
}

function person(known) {
    return {
        issuer: "",
        id: "",
        kind: "",
        tenant: "",
        client: "",
        credentialId: "",
        roles: [],
        groups: [],
        scopes: [],
        actorJson: null,
        claimsJson: null,
        expiresMs: null,
        extJson: null,
        ...known,
    };
}

function described(current) {
    if (current === null) return "null";
    return object({
        issuer: quoted(current.issuer),
        id: quoted(current.id),
        kind: quoted(current.kind),
        client: quoted(current.client),
        credential: quoted(current.credentialId),
        expires: raw(current.expiresMs),
    });
}

const argument = (name) => call.text(`/arguments/${name}`);
const json = (name) => call.get(`/arguments/${name}`);
const noted = () => text(scratch.get(argument("plugin") ?? "", "k"));

const answer = (json) => ({ tag: "answer", val: json });
const refuse = (refusal) => ({ tag: "refuse", val: refusal });
const problem = (name) => answer(object({ error: quoted(name) }));

function passAfter(deed) {
    deed();
    return PASS;
}

function afterEdit() {
    switch (argument("then")) {
        case "trap":
            return trap();
        case "answer":
            return answer("{}");
        default:
            return PASS;
    }
}

function settle() {
    limiter.settle(BUCKETS[0], -2);
    return PASS;
}

function leaves(document) {
    const found = [];
    for (let cursor = 0; cursor !== null; ) {
        const page = document.texts(cursor);
        found.push(...page.leaves);
        cursor = page.next;
    }
    return found;
}

/// Runs `deed`; a host-error it throws becomes `otherwise(error name)`, anything else goes on.
function orElse(deed, otherwise) {
    try {
        return deed();
    } catch (thrown) {
        if (thrown.payload?.tag === undefined) throw thrown;
        return otherwise(thrown.payload.tag);
    }
}
