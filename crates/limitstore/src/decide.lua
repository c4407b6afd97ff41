-- Decides limits of one request, all or nothing. One hash a subject.
-- KEYS: one a limit. ARGV: the verb, then eight for each key:
--   shadow (0, 1), kind (w: windows, b: bucket), cost, amount or burst,
--   w: window, left_us (-1: the window before does not weigh), length_us, keep_ms
--   b: now_us, step_ns, 0, 0
-- Verbs: take: takes each cost that fits, if no limit refuses; give: gives costs back;
--   charge: takes them whether they fit or not.
-- A window's state: w, its number; c, its count; p, the count of the one before.
-- A bucket's state: t, a time in microseconds; m, nanoseconds that it then was from full. A number
-- is a double here, which cannot hold nanoseconds since 1970.

-- floor(n * left / length), eight bits of n at a time, so that each product is below 2^53 and exact.
local function carried(n, left, length)
  local whole, rest = 0, 0
  for _, place in ipairs({ 16777216, 65536, 256, 1 }) do
    local product = rest * 256 + (math.floor(n / place) % 256) * left
    local quotient = math.floor(product / length)
    whole, rest = whole * 256 + quotient, product - quotient * length
  end
  return whole
end

local verb = ARGV[1]
local asked, said, admitted = {}, {}, true
for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 8
  local a, b, c = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local amount = tonumber(ARGV[at + 3])
  local q = { key = key, bucket = ARGV[at + 1] == 'b', cost = tonumber(ARGV[at + 2]), keep = ARGV[at + 7] }
  if q.bucket then
    local held = redis.call('HMGET', key, 't', 'm')
    q.t, q.m = tonumber(held[1] or a), tonumber(held[2] or 0)
    if a > q.t then
      q.m, q.t = math.max(0, q.m - (a - q.t) * 1000), a
    end
    q.before, q.current = 0, q.m
    q.cost, q.most = q.cost * b, amount * b * 5
    q.fits = math.ceil(q.m / b) + q.cost / b <= amount
  else
    local held = redis.call('HMGET', key, 'w', 'c', 'p')
    q.w, q.c, q.p = tonumber(held[1] or a), tonumber(held[2] or 0), tonumber(held[3] or 0)
    if a > q.w then
      q.p = a == q.w + 1 and q.c or 0
      q.c, q.w = 0, a
    end
    -- Asked by a clock that is behind: it counts in the window before.
    q.late = a < q.w
    q.before, q.current = q.late and 0 or q.p, q.late and q.p or q.c
    local room = amount
    if b >= 0 then
      room = math.max(0, amount - carried(q.before, b, c))
    end
    q.fits = q.current + q.cost <= room
  end
  admitted = admitted and (q.fits or ARGV[at] == '1')
  asked[i] = q
  said[i] = { q.fits and 1 or 0, q.before, q.current }
end

for _, q in ipairs(asked) do
  local more = 0
  if verb == 'give' then
    more = -q.cost
  elseif verb == 'charge' or (admitted and q.fits) then
    more = q.cost
  end
  if more ~= 0 and q.bucket then
    -- What is owed is bounded, as it is in the table.
    q.m = math.max(0, math.min(q.m + more, math.max(q.m, q.most), 9e15))
    redis.call('HSET', q.key, 't', q.t, 'm', q.m)
    redis.call('PEXPIRE', q.key, math.ceil(q.m / 1000000) + 1000)
  elseif more ~= 0 then
    local count = q.late and 'p' or 'c'
    q[count] = math.min(math.max(0, q[count] + more), 4294967295)
    redis.call('HSET', q.key, 'w', q.w, 'c', q.c, 'p', q.p)
    redis.call('PEXPIRE', q.key, q.keep)
  end
end
return said
