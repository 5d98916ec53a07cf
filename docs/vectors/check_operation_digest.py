#!/usr/bin/env python3
"""Recomputes every vector in operation-digest.json, and ends non-zero when one differs.

A second implementation of docs/operation-digest.md, written from that page alone. Needs Python 3.8 or later and
nothing else. The vectors may be another file: check_operation_digest.py FILE.
"""

import base64
import hashlib
import json
import pathlib
import sys
import uuid

DOMAIN = b"countersign/operation/v1"

ACTIONS = {
    "wallet.create": "wallet.waas.create",
    "sign.message": "wallet.waas.sign",
    "wallet.export": "wallet.waas.export",
    "credential.link": "credential.link",
    "credential.unlink": "credential.unlink",
}

PRIME = 2**255 - 19
SMALL_ORDER = {
    bytes.fromhex(point)
    for point in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
}


class Refused(Exception):
    """The operation has no digest."""


def require(condition, what):
    if not condition:
        raise Refused(what)


def u16(number):
    return number.to_bytes(2, "big")


def u32(number):
    return number.to_bytes(4, "big")


def octet_string(octets):
    return u32(len(octets)) + octets


def uuid_octets(text):
    value = uuid.UUID(text)
    require(str(value) == text and value.int != 0, "an id is nil or not in its canonical form: " + text)
    return value.bytes


def one_of(name, allowed):
    require(name in allowed, "unknown name: " + name)
    return name.encode("ascii")


def message_form(message):
    try:
        message.decode("utf-8", "strict")
        return "text"
    except UnicodeDecodeError:
        pass
    return "solana-offchain" if message.startswith(b"\xffsolana offchain") else "binary"


def wallet_fields(wallet):
    generation = wallet["share_generation"]
    require(1 <= generation < 2**32, "the share generation is out of range")
    return {0x0101: uuid_octets(wallet["id"]), 0x0102: u32(generation)}


def message_fields(message):
    octets = bytes.fromhex(message["hex"]) * message.get("times", 1)
    require(1 <= len(octets) <= 65536, "the message is empty or too long")
    return {
        0x0201: octets,
        0x0401: message_form(octets).encode("ascii"),
        0x0402: u32(len(octets)),
        0x0403: hashlib.sha256(octets).digest(),
    }


def recipient_fields(text):
    key = bytes.fromhex(text)
    require(len(key) == 32, "the recipient's key has not 32 octets")
    require(int.from_bytes(key, "little") < PRIME, "the recipient's key is not canonical")
    require(key not in SMALL_ORDER, "the recipient's key has small order")
    return {0x0301: key}


def body_fields(operation):
    kind = operation["kind"]
    if kind == "wallet.create":
        return {0x0103: one_of(operation["key_type"], {"ed25519"})}
    if kind == "sign.message":
        return {**wallet_fields(operation["wallet"]), **message_fields(operation["message"])}
    if kind == "wallet.export":
        return {**wallet_fields(operation["wallet"]), **recipient_fields(operation["recipient_public_key"])}
    if kind == "credential.link":
        return {0x0104: one_of(operation["factor"], {"totp", "passkey", "recovery_code"})}
    if kind == "credential.unlink":
        return {0x0105: uuid_octets(operation["device"])}
    raise Refused("unknown kind: " + kind)


def encode(operation):
    fields = body_fields(operation)
    fields[0x0001] = operation["kind"].encode("ascii")
    fields[0x0002] = ACTIONS[operation["kind"]].encode("ascii")
    fields[0x0003] = uuid_octets(operation["environment"])
    fields[0x0004] = uuid_octets(operation["user"])
    fields[0x0005] = uuid_octets(operation["id"])
    return octet_string(DOMAIN) + b"".join(u16(tag) + octet_string(fields[tag]) for tag in sorted(fields))


def digest_text(encoding):
    return base64.urlsafe_b64encode(hashlib.sha256(encoding).digest()).decode("ascii").rstrip("=")


def differences(vector):
    try:
        encoding = encode(vector["operation"])
    except (Refused, KeyError, TypeError, ValueError) as refused:
        # All but the first: the vector has not the form that the page describes.
        yield "refused: {!r}".format(refused)
        return
    if "encoding" in vector:
        if encoding.hex() != vector["encoding"]:
            yield "encoding is {}".format(encoding.hex())
    elif len(encoding) <= 4096:
        yield "encoding is missing"
    if digest_text(encoding) != vector["digest"]:
        yield "digest is {}".format(digest_text(encoding))


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("operation-digest.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    if document["domain"].encode("ascii") != DOMAIN:
        sys.exit("the vectors are for another version: " + document["domain"])
    wrong = 0
    kinds = set()
    for vector in document["vectors"]:
        kinds.add(vector["operation"].get("kind"))
        for difference in differences(vector):
            wrong += 1
            print("{}: {}".format(vector["description"], difference), file=sys.stderr)
    for kind in sorted(set(ACTIONS) - kinds):
        wrong += 1
        print("no vector for {}".format(kind), file=sys.stderr)
    if wrong:
        sys.exit("{} differences".format(wrong))
    print("{} vectors of {} kinds are right".format(len(document["vectors"]), len(kinds)))


if __name__ == "__main__":
    main()
