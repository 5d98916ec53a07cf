"""Checks an exported key with nothing of the suite: RFC 8032 in big integers, and the library `cryptography`.

    exported_key.py KEY_FILE ADDRESS MESSAGE SIGNATURE_HEX

The file must hold the private key of the address; a signature made with it, and the one that is given, must be good.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# RFC 8032 section 5.1.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, P - 2, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, P - 2, P)
    return x % P, y % P


def multiply(scalar, point):
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def compress(point):
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sign(scalar, prefix, public, message):
    """RFC 8032 section 5.1.6, from its second step on."""
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    big_r = compress(multiply(r, BASE))
    k = int.from_bytes(hashlib.sha512(big_r + public + message).digest(), "little") % L
    return big_r + ((r + k * scalar) % L).to_bytes(32, "little")


def base58(text):
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = 0
    for character in text:
        number = number * 58 + alphabet.index(character)
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip("1"))) + octets


def base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


path, address, message, signature = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    document = json.load(file)
public = base64url(document["public_key"])
expanded = base64url(document["expanded_private_key"])
scalar, prefix = int.from_bytes(expanded[:32], "little"), expanded[32:]

assert document["address"] == address, "the file is of another address"
assert len(public) == 32 and len(prefix) == 32, "wrong lengths"
assert base58(address) == public, "the address is not the public key"
assert 0 < scalar < L, "the scalar is not reduced"
assert compress(multiply(scalar, BASE)) == public, "the scalar does not make the public key"
verifier = Ed25519PublicKey.from_public_bytes(public)
verifier.verify(sign(scalar, prefix, public, b"exported"), b"exported")
verifier.verify(bytes.fromhex(signature), message.encode())
print("ok")
