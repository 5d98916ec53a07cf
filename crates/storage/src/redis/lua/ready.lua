-- Whether everything that our scripts do is allowed and carried out. KEYS[1]: a key for nothing else.
redis.call('GET', KEYS[1])
redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], epoch, 'PX', 1000)
return {'READY'}
