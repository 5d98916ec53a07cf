-- Stands before every script.
--
-- The fence. A record that is consumed once stores the replication id of the server that wrote it; a script that finds
-- another id than `epoch` in it returns {'FENCED'} and changes nothing. Redis changes the id when a replica is promoted
-- and when a server starts, also from its own files, and so whenever something acknowledged may be missing.
--
-- ARGV[1] is for the client: empty, or the id of the server that a call was sent to before its answer was lost. Whatever
-- must not be repeated on another server than that is sent with it.
local replication = redis.call('INFO', 'replication')
if not string.find(replication, '\nrole:master\r', 1, true) then
  return redis.error_reply('NOTPRIMARY this server is not a primary')
end
local epoch = string.match(replication, '\nmaster_replid:(%x+)\r')
if not epoch or #epoch ~= 40 or not string.find(epoch, '[^0]') then
  return redis.error_reply('NOTPRIMARY this server does not tell its replication id')
end
if ARGV[1] ~= '' and ARGV[1] ~= epoch then
  return {'FENCED'}
end
