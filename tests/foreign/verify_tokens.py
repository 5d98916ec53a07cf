"""Verifies tokens as any user of PyJWT would: no more than the library is asked, nothing of ours.

The argument is a file of JSON: `jwks`, and `tokens`, each with `token`, `typ`, `alg`, `iss` and `aud`. Prints the claims
of each, in an array, or ends non-zero.
"""

import json
import sys

import jwt

question = json.load(open(sys.argv[1], encoding="utf-8"))
keys = jwt.PyJWKSet.from_dict(question["jwks"])


def claims(asked):
    header = jwt.get_unverified_header(asked["token"])
    assert (header["typ"], header["alg"]) == (asked["typ"], asked["alg"]), header
    return jwt.decode(
        asked["token"],
        keys[header["kid"]],
        algorithms=[asked["alg"]],
        issuer=asked["iss"],
        audience=asked["aud"],
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )


print(json.dumps([claims(asked) for asked in question["tokens"]]))
