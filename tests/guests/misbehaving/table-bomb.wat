;; Takes all the table elements it gets. Traps if it gets more than 100,000.
(table $table 1 funcref)
(func $misbehave (result i32)
    (loop $more
        (if (i32.gt_u (table.size $table) (i32.const 100000)) (then unreachable))
        (br_if $more (i32.ne (table.grow $table (ref.null func) (i32.const 30000)) (i32.const -1))))
    (i32.const 0))
