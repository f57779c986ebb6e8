//! What `bindgen!` makes of `wit/`. Each export interface is loaded on its own, so every hook but `lifecycle` may be missing.

#![allow(
    dead_code,
    missing_docs,
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    reason = "written by bindgen; the whole world at once is what nobody needs here"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "host",
    imports: {
        // These alone can wait, for something that is not in this process.
        "cardea:plugin/http": async | trappable,
        "cardea:plugin/jose": async | trappable,
        "cardea:plugin/kv": async | trappable,
        "cardea:plugin/limiter": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});
