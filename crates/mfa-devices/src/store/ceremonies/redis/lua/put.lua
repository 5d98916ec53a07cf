-- Remembers a ceremony. ARGV[2]: now. ARGV[3]: how many a user has at most. ARGV[4]: id. ARGV[5]: ceremony. ARGV[6]: when
-- it is over. ARGV[7]: for how long the key is needed for it.
local now, expires = tonumber(ARGV[2]), tonumber(ARGV[6])
local records = load(now)
local first
for _, record in ipairs(records) do
  -- Asked again after a lost answer.
  if record[1] == ARGV[4] then
    return {'PUT'}
  end
  if not first or record[3] < first then
    first = record[3]
  end
end
if #records >= tonumber(ARGV[3]) then
  return {'FULL', string.format('%.0f', first)}
end
records[#records + 1] = {ARGV[4], epoch, expires, ARGV[5]}
local life = math.max(tonumber(ARGV[7]), redis.call('PTTL', KEYS[1]))
redis.call('SET', KEYS[1], cmsgpack.pack(records), 'PX', string.format('%.0f', life))
return {'PUT'}
