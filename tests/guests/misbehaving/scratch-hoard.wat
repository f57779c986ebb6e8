;; Leaves 40 KiB of notes under a key that depends on the call's size. Traps if they are not taken.
(import "cardea:plugin/scratch@0.1.0" "put" (func $put (param i32 i32 i32 i32 i32)))
(data (i32.const 2048) "abcdefghijklmnopqrstuvwxyz")
(func $misbehave (result i32)
    (call $put
        (i32.add (i32.const 2048) (i32.rem_u (i32.wrap_i64 (call $size)) (i32.const 26))) (i32.const 1)
        (i32.const 4096) (i32.const 40960) (i32.const 128))
    (if (i32.load8_u (i32.const 128)) (then unreachable))
    (i32.const 0))
