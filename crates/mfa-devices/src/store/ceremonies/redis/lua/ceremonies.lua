-- Stands before every script of the store of ceremonies that reads them.
--
-- KEYS[1] has all ceremonies of one user, packed: a list of {id, epoch, expires, ceremony}. One key, because they are
-- counted together. Times are those of the caller, in milliseconds.
--
-- A list that is empty expires at once: users of the server need no right to delete.
--
-- Those that count: not over by `now`, and of this replication history. One of another history may have been taken
-- there, so that it is as if it were not.
local function load(now)
  local packed = redis.call('GET', KEYS[1])
  local kept = {}
  for _, record in ipairs(packed and cmsgpack.unpack(packed) or {}) do
    if record[2] == epoch and now < record[3] then
      kept[#kept + 1] = record
    end
  end
  return kept
end
