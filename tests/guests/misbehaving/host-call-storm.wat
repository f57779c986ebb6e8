;; Asks the host for ever.
(func $misbehave (result i32) (loop $again (drop (call $size)) (br $again)) (i32.const 0))
