;; role: rights
;; hook: on-list
;; Answers ten million times where one answer is wanted.
(func $keep (export "cardea:plugin/on-list@0.1.0#keep") (param i32 i32) (result i32)
    (drop (memory.grow (i32.const 200)))
    (i32.store (i32.const 512) (i32.const 4096))
    (i32.store (i32.const 516) (i32.const 10000000))
    (i32.const 512))
(func $misbehave (result i32) (i32.const 0))
