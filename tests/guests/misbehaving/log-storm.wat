;; Writes 500 lines in one hook, each longer than a line may be.
(import "cardea:plugin/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
(func $misbehave (result i32) (local $lines i32)
    (memory.fill (i32.const 4096) (i32.const 65) (i32.const 8192))
    (loop $more
        (call $write (i32.const 2) (i32.const 4096) (i32.const 8192) (i32.const 0) (i32.const 0))
        (local.set $lines (i32.add (local.get $lines) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $lines) (i32.const 500))))
    (i32.const 0))
