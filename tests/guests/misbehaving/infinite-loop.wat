;; Computes for ever.
(func $misbehave (result i32) (loop $again (br $again)) (i32.const 0))
