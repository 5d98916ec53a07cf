#!/usr/bin/env python3
"""Verifies a receipt offline: steps 2 and 3 of "To act on a receipt" in docs/tokens.md.

    verify_receipt.py JWKS_FILE EXPECTED_FILE < RECEIPT

Prints the claims of a good receipt; of any other it says why, and ends with 1. EXPECTED_FILE is a JSON object: `iss`,
`aud`, and what you are about to do, worked out by yourself: `environment_id`, `sub`, `operation_id`, `digest`, `action`,
and for an operation on a wallet `wallet` and `share_generation`. Needs PyJWT and cryptography.
"""

import base64, json, re, sys, time
import jwt

LIFE, LEEWAY = 60, 5
text, number = (lambda value: type(value) is str), (lambda value: type(value) is int)
uuid = lambda value: (text(value) and re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value)
                      and value.strip("0-"))
REQUIRED = dict(iss=text, aud=text, sub=uuid, environment_id=uuid, sid=text, jti=uuid, iat=number, exp=number,
                operation_id=uuid, digest=text, action=text, policy_version=number)
OPTIONAL = dict(wallet=uuid, share_generation=number, paid_by=uuid, acr=text, auth_time=number,
                amr=lambda value: type(value) is list and all(map(text, value)))
BOUND = "iss aud sub environment_id operation_id digest action wallet share_generation".split()


def require(condition, why):
    if not condition:
        raise ValueError(why)


def octets(part):
    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    require(base64.urlsafe_b64encode(decoded).decode().rstrip("=") == part, "not canonical base64url")
    return decoded


def once(pairs):
    require(len(dict(pairs)) == len(pairs), "a member is repeated")
    return dict(pairs)


def verify(receipt, jwks, expected):
    require(len(receipt) <= 16384 and receipt.count(".") == 2, "not a JWT")
    header, claims, _ = (octets(part) for part in receipt.split("."))
    header, claims = (json.loads(part, object_pairs_hook=once) for part in (header, claims))
    require(set(header) == {"alg", "typ", "kid"} and header["typ"] == "receipt+jwt", "the header is another")
    keys = [jwt.PyJWK(key) for key in jwks["keys"] if key["kid"] == header["kid"]]
    require(len(keys) == 1 and keys[0].algorithm_name in ("ES256", "EdDSA", "RS256"), "not one key of this name")
    jwt.decode(receipt, keys[0], algorithms=[keys[0].algorithm_name], issuer=expected["iss"], leeway=LEEWAY,
               audience=expected["aud"], options={"strict_aud": True})
    for name, right in REQUIRED.items():
        require(right(claims.get(name)), name + " is missing or wrong")
    for name, right in OPTIONAL.items():
        require(name not in claims or right(claims[name]), name + " is wrong")
    require(claims["exp"] - claims["iat"] <= LIFE, "it lives too long")
    require(claims.get("auth_time", 0) <= time.time() + LEEWAY, "it was proved in the future")
    for name in BOUND:
        require(claims.get(name) == expected.get(name), name + " is not that of what is to be done")
    return claims


if __name__ == "__main__":
    jwks, expected = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    try:
        print(json.dumps(verify(sys.stdin.read().strip(), jwks, expected)))
    except Exception as refusal:  # whatever goes wrong, it is not accepted
        sys.exit("refused: {}".format(refusal))
