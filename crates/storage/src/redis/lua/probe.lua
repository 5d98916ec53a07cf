-- Whether scripts see what the fence needs, and have the library that records are packed with.
local there = cmsgpack.unpack(cmsgpack.pack({epoch, 4102444800123}))
return {'PROBED', there[1], there[2] == 4102444800123 and 'EXACT' or 'INEXACT'}
