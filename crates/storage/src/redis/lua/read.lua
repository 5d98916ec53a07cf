-- Reads a witnessed number. KEYS[1]: the number.
local kept = redis.call('GET', KEYS[1])
if not kept then
  return {'NONE'}
end
return {'HIGHEST', kept}
