-- Takes from all buckets or from none, or settles one, by the clock of this server.
--
-- KEYS: for each bucket its key; for concurrent slots a second one, with how many are in use.
-- ARGV: the verb, the holder of slots, how long slots are held without a sign of life (ms), and for each bucket
--       its kind, the cost, and two or three numbers of the rule.
-- Answers with { allowed, bucket, remaining, ns until the same can succeed, ns until it is full again }.
--
-- A rate is kept as the moment it is full again, in seconds and nanoseconds: in one number, a double would round it.

local clock = redis.call('TIME')
local now_s, now_ns = tonumber(clock[1]), tonumber(clock[2]) * 1000
local now_ms = now_s * 1000 + math.floor(now_ns / 1e6)
local LONGEST_MS = 3e12

-- The second in which the calendar period of a moment ends.
local function period_end(moment, period, offset)
    local here = moment + offset
    local size = ({ minute = 60, hour = 3600, day = 86400 })[period]
    if size then return here - here % size + size - offset end
    -- Days since 0000-03-01, in eras of 400 years; months are counted from March, so that February is the last.
    local days = math.floor(here / 86400) + 719468
    local era = math.floor(days / 146097)
    local day = days - era * 146097
    local year = math.floor(
        (day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
    local of_year = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * of_year + 2) / 153) + 1
    if month == 12 then year, month = year + 1, 0 end
    local first = era * 146097 + 365 * year + math.floor(year / 4) - math.floor(year / 100)
        + math.floor((153 * month + 2) / 5)
    if year == 400 then first = (era + 1) * 146097 end
    return (first - 719468) * 86400 - offset
end

local function rate(key, cost, interval, capacity)
    local debt, most = 0, interval * capacity
    local stored = redis.call('GET', key)
    if stored then
        local at_s, at_ns = string.match(stored, '^(%d+) (%d+)$')
        debt = math.max(0, (at_s - now_s) * 1e9 + at_ns - now_ns)
    end
    local function write(debt)
        if debt <= 0 then return redis.call('DEL', key) end
        local value = string.format('%.0f %.0f', now_s, now_ns + debt)
        redis.call('SET', key, value, 'PX', math.min(math.ceil(debt / 1e6) + 1000, LONGEST_MS))
    end
    local next = debt + interval * cost
    local fits = cost == 0 or next <= most
    local shown = fits and next or debt
    return {
        fits = fits, wait = next - most, reset = shown,
        left = math.floor(math.max(0, most - shown) / interval),
        take = function() write(next) end,
        settle = function(delta) write(debt + interval * delta) end,
    }
end

local function window(key, cost, limit, period, offset)
    local ends, used
    local stored = redis.call('GET', key)
    if stored then
        ends, used = string.match(stored, '^(%d+) (%d+)$')
        ends, used = tonumber(ends), tonumber(used)
    end
    if not ends or ends <= now_s then ends, used = period_end(now_s, period, offset), 0 end
    local until_end = (ends - now_s) * 1e9 - now_ns
    local function write(used)
        local value = string.format('%.0f %.0f', ends, math.max(0, used))
        redis.call('SET', key, value, 'PX', (ends - now_s) * 1000 + 1000)
    end
    local next = used + cost
    local fits = cost == 0 or next <= limit
    local shown = fits and next or used
    return {
        fits = fits, wait = until_end, reset = shown == 0 and 0 or until_end,
        left = math.max(0, limit - shown),
        take = function() write(next) end,
        settle = function(delta) write(used + delta) end,
    }
end

local function slots(holders, count, cost, most, holder, held_ms)
    -- Who gave no sign of life has died with its slots.
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', holders, '-inf', now_ms)) do
        redis.call('ZREM', holders, gone)
        redis.call('DECRBY', count, string.match(gone, '%d+$'))
    end
    local used = tonumber(redis.call('GET', count) or 0)
    local next = used + cost
    local fits = cost == 0 or next <= most
    local shown = fits and next or used
    return {
        fits = fits, wait = 1e9, reset = shown == 0 and 0 or 1e9,
        left = math.max(0, most - shown),
        take = function()
            redis.call('ZADD', holders, now_ms + held_ms, holder .. ':' .. string.format('%.0f', cost))
            redis.call('INCRBY', count, cost)
            redis.call('PEXPIRE', holders, held_ms + 1000)
            redis.call('PEXPIRE', count, held_ms + 1000)
        end,
    }
end

local verb, holder, held_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local buckets, costs, key, arg = {}, {}, 1, 4
while arg <= #ARGV do
    local kind, cost = ARGV[arg], tonumber(ARGV[arg + 1])
    local one, other, third = ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4]
    local bucket
    if kind == 'rate' then
        bucket = rate(KEYS[key], cost, tonumber(one), tonumber(other))
    elseif kind == 'slots' then
        bucket = slots(KEYS[key], KEYS[key + 1], cost, tonumber(one), holder, held_ms)
        key = key + 1
    else
        bucket = window(KEYS[key], cost, tonumber(one), kind, tonumber(other))
    end
    key, arg = key + 1, arg + 5
    buckets[#buckets + 1], costs[#costs + 1] = bucket, cost
end

if verb == 'settle' then
    buckets[1].settle(tonumber(ARGV[#ARGV]))
    return { 1, 0, 0, 0, 0 }
end

-- Of several that refuse, the one that takes longest to have enough decides when to come back.
local refusing, least
for position, bucket in ipairs(buckets) do
    if not bucket.fits then
        if not refusing or bucket.wait > buckets[refusing].wait then refusing = position end
    elseif not least or bucket.left < buckets[least].left then
        least = position
    end
end
if refusing then
    local bucket = buckets[refusing]
    return { 0, refusing - 1, bucket.left, bucket.wait, bucket.reset }
end
for position, bucket in ipairs(buckets) do
    if costs[position] > 0 then bucket.take() end
end
local bucket = buckets[least]
return { 1, least - 1, bucket.left, 0, bucket.reset }
