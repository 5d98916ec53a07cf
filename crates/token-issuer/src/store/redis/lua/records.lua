-- Stands before every script of the token store.
--
-- KEYS[1] has all tokens of one user, packed: a list of {id, epoch, expires, token, uses}, and after them, for each
-- operation that the token paid for, {…, operation, digest, at}. One key, because what is judged together must be in one place; packed, because a key
-- for each would be larger than the token. Times are those of the caller, in milliseconds. A spent token stays as the
-- tombstone that answers a retry.
--
-- The rules are those of `domain::record`; a test compares the two step by step.
local function load()
  local packed = redis.call('GET', KEYS[1])
  return packed and cmsgpack.unpack(packed) or {}
end

-- The record of a token, unless its time has been over for `window`.
local function find(records, id, now, window)
  for _, record in ipairs(records) do
    if record[1] == id and now < record[3] + window then
      return record
    end
  end
end

-- When the first of the user's unexpired tokens expires, if there are `most` of them. Those of another history count no
-- more.
local function full(records, now, most)
  local count, first = 0, nil
  for _, record in ipairs(records) do
    if now < record[3] and record[2] == epoch then
      count = count + 1
      if not first or record[3] < first then
        first = record[3]
      end
    end
  end
  return count >= most and first
end
