;; Wants a gigabyte of random bytes at once.
(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
(func $misbehave (result i32) (call $random (i64.const 1073741824) (i32.const 128)) (i32.const 0))
