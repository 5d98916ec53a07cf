-- Whether there is room for one more token, and in which history. ARGV[2]: now. ARGV[3]: how many unexpired tokens a user has at most.
local first = full(load(), tonumber(ARGV[2]), tonumber(ARGV[3]))
if first then
  return {'FULL', string.format('%.0f', first)}
end
return {'ROOM', epoch}
