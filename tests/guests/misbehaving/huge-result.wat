;; Answers with 12 MiB of text.
(func $misbehave (result i32)
    (drop (memory.grow (i32.const 200)))
    (memory.fill (i32.const 4096) (i32.const 32) (i32.const 12582912))
    (i32.store (i32.const 512) (i32.const 1))
    (i32.store (i32.const 520) (i32.const 4096))
    (i32.store (i32.const 524) (i32.const 12582912))
    (i32.const 512))
