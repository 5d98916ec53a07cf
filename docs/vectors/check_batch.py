#!/usr/bin/env python3
"""Recomputes every vector in batch.json, and ends non-zero when one differs.

A second implementation of what docs/tokens.md says of batches, written from that page and RFC 9162 section 2.1 alone.
Needs Python 3.8 or later and nothing else. Another file may be named as the only argument.
"""

import base64
import hashlib
import json
import pathlib
import sys

MAX_SIZE = 32


def text(octets):
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def octets(written):
    value = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
    if len(value) != 32 or text(value) != written:
        sys.exit("not 32 octets in base64url: " + written)
    return value


def leaf_hash(digest):
    return hashlib.sha256(b"\x00" + digest).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(count):
    """The largest power of two that is smaller than count."""
    return 1 << ((count - 1).bit_length() - 1)


def tree_hash(digests):
    """RFC 9162 section 2.1.1."""
    if len(digests) == 1:
        return leaf_hash(digests[0])
    k = split(len(digests))
    return node_hash(tree_hash(digests[:k]), tree_hash(digests[k:]))


def path(index, digests):
    """RFC 9162 section 2.1.3.1."""
    if len(digests) == 1:
        return []
    k = split(len(digests))
    if index < k:
        return path(index, digests[:k]) + [tree_hash(digests[k:])]
    return path(index - k, digests[k:]) + [tree_hash(digests[:k])]


def holds(root, size, digest, index, hashes):
    """RFC 9162 section 2.1.3.2."""
    if not 1 <= size <= MAX_SIZE or not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf_hash(digest)
    for p in hashes:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def differences(vector):
    digests = [octets(digest) for digest in vector["digests"]]
    if not 1 <= len(digests) <= MAX_SIZE:
        yield "no batch has {} operations".format(len(digests))
        return
    root = octets(vector["root"])
    if tree_hash(digests) != root:
        yield "root is {}".format(text(tree_hash(digests)))
    if len(vector["leaves"]) != len(digests):
        yield "there are {} leaves".format(len(vector["leaves"]))
    for index, (digest, leaf) in enumerate(zip(digests, vector["leaves"])):
        hashes = [octets(one) for one in leaf["path"]]
        if leaf["index"] != index:
            yield "leaf {} says that it is leaf {}".format(index, leaf["index"])
        if path(index, digests) != hashes:
            yield "the path of leaf {} is {}".format(index, [text(one) for one in path(index, digests)])
        if not holds(root, len(digests), digest, index, hashes):
            yield "leaf {} is not held".format(index)


def main():
    named = sys.argv[1:] or [str(pathlib.Path(__file__).with_name("batch.json"))]
    document = json.loads(pathlib.Path(named[0]).read_text(encoding="utf-8"))
    wrong = 0
    for vector in document["batches"]:
        for difference in differences(vector):
            wrong += 1
            print("{}: {}".format(vector["description"], difference), file=sys.stderr)
    for vector in document["refused"]:
        hashes = [octets(one) for one in vector["path"]]
        if holds(octets(vector["root"]), vector["size"], octets(vector["digest"]), vector["index"], hashes):
            wrong += 1
            print("{}: is held".format(vector["description"]), file=sys.stderr)
    if wrong:
        sys.exit("{} differences".format(wrong))
    print("{} batches and {} refusals are right".format(len(document["batches"]), len(document["refused"])))


if __name__ == "__main__":
    main()
