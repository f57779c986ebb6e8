;; role: route
;; Says that it chooses endpoints, and judges calls.
(func $misbehave (result i32) (i32.const 0))
