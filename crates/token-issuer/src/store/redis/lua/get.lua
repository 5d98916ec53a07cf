-- The token and what it paid for. ARGV[2]: now. ARGV[3]: for how long after its expiry a record is kept. ARGV[4]: id.
local record = find(load(), ARGV[4], tonumber(ARGV[2]), tonumber(ARGV[3]))
if not record then
  return {'NONE'}
end
if record[2] ~= epoch then
  return {'FENCED'}
end
local answer = {'RECORD', record[4]}
for place = 6, #record, 3 do
  answer[#answer + 1] = record[place]
  answer[#answer + 1] = record[place + 1]
  answer[#answer + 1] = string.format('%.0f', record[place + 2])
end
return answer
