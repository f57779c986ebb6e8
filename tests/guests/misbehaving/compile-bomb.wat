;; repeat: 2200000
;; Has one function that would take a compiler very long.
(func $misbehave (result i32) (; repeated ;) (i32.const 0))
