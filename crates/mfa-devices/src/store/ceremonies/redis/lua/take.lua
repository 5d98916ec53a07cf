-- Hands out a ceremony and forgets it. ARGV[2]: now. ARGV[3]: id.
local kept, taken = {}, nil
for _, record in ipairs(load(tonumber(ARGV[2]))) do
  if record[1] == ARGV[3] then
    taken = record[4]
  else
    kept[#kept + 1] = record
  end
end
if not taken then
  return {'NONE'}
end
if #kept == 0 then
  redis.call('SET', KEYS[1], cmsgpack.pack(kept), 'PX', 1)
else
  redis.call('SET', KEYS[1], cmsgpack.pack(kept), 'KEEPTTL')
end
return {'TAKEN', taken}
