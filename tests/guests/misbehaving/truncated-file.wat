;; keep: 60 %
;; Ends in the middle.
(func $misbehave (result i32) (i32.const 0))
