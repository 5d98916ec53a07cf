-- Raises a witnessed number. KEYS[1]: the number. ARGV[2]: to what, below 2^53.
local kept = redis.call('GET', KEYS[1])
if kept and not string.find(kept, '^%d+$') then
  return {'CORRUPT'}
end
if kept and tonumber(kept) >= tonumber(ARGV[2]) then
  return {'HIGHEST', kept}
end
redis.call('SET', KEYS[1], ARGV[2])
return {'HIGHEST', ARGV[2]}
