;; version: 0.2.0
;; Was built for another version of the interface.
(func $misbehave (result i32) (i32.const 0))
