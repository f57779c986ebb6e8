;; Takes 5,000 handles and gives none back.
(import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
(func $misbehave (result i32) (local $taken i32)
    (loop $more
        (drop (call $subscribe (i64.const 3600000000000)))
        (local.set $taken (i32.add (local.get $taken) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $taken) (i32.const 5000))))
    (i32.const 0))
