;; Traps at once.
(func $misbehave (result i32) unreachable)
