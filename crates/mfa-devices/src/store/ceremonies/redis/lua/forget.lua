-- Forgets all ceremonies of a user.
redis.call('SET', KEYS[1], cmsgpack.pack({}), 'PX', 1)
return {'FORGOTTEN'}
