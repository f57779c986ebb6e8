;; pad: 200 MiB
;; Is larger than any plugin.
(func $misbehave (result i32) (i32.const 0))
