;; Takes all the memory it gets and writes to each page of it. Traps if it gets more than 20 MiB.
(func $misbehave (result i32) (local $taken i32) (local $at i32)
    (loop $more
        (if (i32.gt_u (local.get $taken) (i32.const 320)) (then unreachable))
        (local.set $at (memory.grow (i32.const 16)))
        (if (i32.ne (local.get $at) (i32.const -1)) (then
            (memory.fill (i32.shl (local.get $at) (i32.const 16)) (i32.const 1) (i32.const 1048576))
            (local.set $taken (i32.add (local.get $taken) (i32.const 16)))
            (br $more))))
    (i32.const 0))
