-- UNFINISHED, not called yet. KEYS: one a limit. ARGV: verb (take), then for each key:
-- shadow, kind (w, b), cost, amount or burst, window or now_us, left_us (-1: does not weigh) or step_ns, length_us, keep_ms
local function carried(n, left, length)
  local high, low = math.floor(n / 32768), n % 32768
  local q = math.floor(high * left / length)
  local rest = (high * left - q * length) * 32768 + low * left
  return q * 32768 + math.floor(rest / length)
end
local asked, admitted, said = {}, true, {}
for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 8
  local kind, cost, amount = ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local a, b, c = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local q = { key = key, kind = kind, cost = cost, keep = ARGV[at + 7], step = b }
  if kind == 'b' then
    local v = redis.call('HMGET', key, 't', 'm')
    q.t, q.m = tonumber(v[1] or a), tonumber(v[2] or 0)
    if a > q.t then q.m = math.max(0, q.m - (a - q.t) * 1000); q.t = a end
    q.before, q.current = 0, q.m
    q.fits = math.max(0, amount - math.ceil(q.m / b)) >= cost
  else
    local v = redis.call('HMGET', key, 'w', 'c', 'p')
    q.w, q.c, q.p = tonumber(v[1] or a), tonumber(v[2] or 0), tonumber(v[3] or 0)
    if a > q.w then q.p = (a == q.w + 1) and q.c or 0; q.c = 0; q.w = a end
    q.late = a < q.w
    q.before, q.current = q.late and 0 or q.p, q.late and q.p or q.c
    local room = amount
    if b >= 0 then room = math.max(0, amount - carried(q.before, b, c)) end
    q.fits = q.current + cost <= room
  end
  admitted = admitted and (q.fits or ARGV[at] == '1')
  asked[i] = q
  said[i] = { q.fits and 1 or 0, q.before, q.current }
end
if ARGV[1] == 'take' and admitted then
  for _, q in ipairs(asked) do
    if q.fits and q.kind == 'b' then
      q.m = q.m + q.cost * q.step
      redis.call('HSET', q.key, 't', q.t, 'm', q.m)
      redis.call('PEXPIRE', q.key, math.ceil(q.m / 1000000) + 1000)
    elseif q.fits then
      if q.late then q.p = q.p + q.cost else q.c = q.c + q.cost end
      redis.call('HSET', q.key, 'w', q.w, 'c', q.c, 'p', q.p)
      redis.call('PEXPIRE', q.key, q.keep)
    end
  end
end
return said
