;; Answers with bytes that are no text.
(data (i32.const 2048) "{\22a\22:\22\ff\fe\22}")
(func $misbehave (result i32)
    (i32.store (i32.const 512) (i32.const 1))
    (i32.store (i32.const 520) (i32.const 2048))
    (i32.store (i32.const 524) (i32.const 10))
    (i32.const 512))
