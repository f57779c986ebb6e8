;; Answers with half an object.
(data (i32.const 2048) "{\22a\22:")
(func $misbehave (result i32)
    (i32.store (i32.const 512) (i32.const 1))
    (i32.store (i32.const 520) (i32.const 2048))
    (i32.store (i32.const 524) (i32.const 5))
    (i32.const 512))
