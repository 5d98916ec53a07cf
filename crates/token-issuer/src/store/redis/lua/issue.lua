-- Puts a token on file. ARGV[2]: now. ARGV[3]: how many unexpired tokens a user has at most. ARGV[4]: for how long after
-- its expiry a record is kept. ARGV[5]: id. ARGV[6]: token. ARGV[7]: when it expires. ARGV[8]: for how long the key is
-- needed for it. ARGV[9]: the history in which there was room. ARGV[10]: how many operations it pays for.
--
-- In any other one a record that is missing may be one that was lost, and spent before.
if ARGV[9] ~= epoch then
  return {'CHANGED'}
end
local now, window, expires = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[7])
local records = load()
local known = find(records, ARGV[5], now, window)
if known then
  -- Of what another history holds nobody knows whether it was spent there.
  if known[2] ~= epoch then
    return {'FENCED'}
  end
  return {known[4] == ARGV[6] and 'SAME' or 'ANOTHER'}
end
local first = full(records, now, tonumber(ARGV[3]))
if first then
  return {'FULL', string.format('%.0f', first)}
end
local kept = {}
for _, record in ipairs(records) do
  if now < record[3] + window then
    kept[#kept + 1] = record
  end
end
kept[#kept + 1] = {ARGV[5], epoch, expires, ARGV[6], tonumber(ARGV[10])}
local life = math.max(tonumber(ARGV[8]), redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], cmsgpack.pack(kept), 'PX', string.format('%.0f', life))
return {'ISSUED'}
