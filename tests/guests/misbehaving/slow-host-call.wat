;; grant: kv
;; Asks for a key of a store that does not answer.
(import "cardea:plugin/kv@0.1.0" "get" (func $get (param i32 i32 i32)))
(func $misbehave (result i32) (call $get (i32.const 256) (i32.const 1) (i32.const 128)) (i32.const 0))
