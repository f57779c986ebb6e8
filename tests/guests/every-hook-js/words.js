// JSON text and refusals, written by hand: see "Conventions" in ../every-hook.md.

/// A text between quotes, nothing escaped; an absent one is `null`.
export const quoted = (text) => (text === null ? "null" : `"${text}"`);

/// JSON text or a number as it is; an absent one is `null`.
export const raw = (json) => (json === null ? "null" : `${json}`);

export const list = (items, each = String) => `[${items.map((item) => each(item)).join(",")}]`;

export const object = (members) =>
    `{${Object.entries(members)
        .map(([name, json]) => `"${name}":${json}`)
        .join(",")}}`;

/// UTF-8 of a text; the engine has no TextEncoder.
export const bytes = (text) =>
    Uint8Array.from(unescape(encodeURIComponent(text)), (character) => character.charCodeAt(0));

/// The text of UTF-8 bytes; none stays none.
export const text = (bytes) =>
    bytes === null ? null : decodeURIComponent(escape(String.fromCharCode(...bytes)));

export const refusal = (kind, differing = {}) => ({
    kind,
    message: "refused by request",
    reason: "every-hook",
    scopes: ["a", "b"],
    dataJson: '{"by":"every-hook"}',
    headers: [["retry-after", "1"]],
    retryAfterMs: 1000,
    form: "error",
    extJson: null,
    ...differing,
});

/// Ends the instance: where a function may fail with a text, a thrown Error would become that text; nothing can be made of a symbol.
export function trap() {
    throw Symbol("trap by request");
}
