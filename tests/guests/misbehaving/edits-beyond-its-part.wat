;; role: shape
;; Renames the tool that is called, and replaces all of `params`. Traps if either is allowed.
(import "cardea:plugin/call@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))
(data (i32.const 2048) "/name\22rm\22{}")
(func $try (param $at i32) (param $length i32) (param $value i32) (param $bytes i32)
    (call $set (local.get $at) (local.get $length) (local.get $value) (local.get $bytes) (i32.const 128))
    (if (i32.eqz (i32.load8_u (i32.const 128))) (then unreachable)))
(func $misbehave (result i32)
    (call $try (i32.const 2048) (i32.const 5) (i32.const 2053) (i32.const 4))
    (call $try (i32.const 2048) (i32.const 0) (i32.const 2057) (i32.const 2))
    (i32.const 0))
