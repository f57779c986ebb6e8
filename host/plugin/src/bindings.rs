//! What `bindgen!` makes of `wit/`.

#![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "written by bindgen")]

wasmtime::component::bindgen!({
    path: "/tmp/wit-fixed",
    world: "every-built-hook",
    imports: {
        "cardea:plugin/kv": async,
        "cardea:plugin/limiter": async,
        default: trappable,
    },
    exports: { default: async },
});
