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
local half = false
for place = 6, #record, 3 do
  local operation, digest = record[place] == ARGV[5], record[place + 1] == ARGV[6]
  if operation and digest then
    return {'SAME'}
  end
  half = half or operation or digest
end
if now >= record[3] then
  return {'EXPIRED'}
end
if half or #record >= 5 + 3 * record[5] then
  return {'SPENT'}
end
local last = #record
record[last + 1], record[last + 2], record[last + 3] = ARGV[5], ARGV[6], now
redis.call('SET', KEYS[1], cmsgpack.pack(records), 'KEEPTTL')
return {'REDEEMED'}
