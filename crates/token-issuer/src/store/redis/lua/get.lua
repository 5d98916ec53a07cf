-- The record of a token. ARGV[2]: now. ARGV[3]: for how long after its expiry a record is kept. ARGV[4]: id.
local record = find(load(), ARGV[4], tonumber(ARGV[2]), tonumber(ARGV[3]))
if not record then
  return {'NONE'}
end
if record[2] ~= epoch then
  return {'FENCED'}
end
if not record[5] then
  return {'ISSUED', record[4]}
end
return {'REDEEMED', record[4], record[5], record[6], string.format('%.0f', record[7])}
