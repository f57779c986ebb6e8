;; Panics as Rust does: some functions deep, and ends in a trap.
(func $rust_panic unreachable)
(func $std::panicking::panic_handler (call $rust_panic))
(func $acme::parse_rule (call $std::panicking::panic_handler))
(func $misbehave (result i32) (call $acme::parse_rule) (i32.const 0))
