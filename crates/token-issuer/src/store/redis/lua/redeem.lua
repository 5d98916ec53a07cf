-- Spends a token on one operation. ARGV[2]: now. ARGV[3]: for how long after its expiry a record is kept. ARGV[4]: id.
-- ARGV[5]: operation. ARGV[6]: digest.
local now = tonumber(ARGV[2])
local records = load()
local record = find(records, ARGV[4], now, tonumber(ARGV[3]))
if not record then
  return {'NONE'}
end
if record[2] ~= epoch then
  return {'FENCED'}
end
if record[5] == ARGV[5] and record[6] == ARGV[6] then
  return {'SAME'}
end
if now >= record[3] then
  return {'EXPIRED'}
end
if record[5] then
  return {'SPENT'}
end
record[5], record[6], record[7] = ARGV[5], ARGV[6], now
redis.call('SET', KEYS[1], cmsgpack.pack(records), 'KEEPTTL')
return {'REDEEMED'}
