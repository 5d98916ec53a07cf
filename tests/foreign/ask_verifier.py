"""Asks examples/verify_receipt.py about many receipts at once.

The argument is a file of JSON: `verifier` (the path of the example), `jwks`, and `cases`, each with `receipt` and
`expected`. Prints for each case, in an array, why it is refused, or null.
"""

import importlib.util
import json
import sys

question = json.load(open(sys.argv[1], encoding="utf-8"))
spec = importlib.util.spec_from_file_location("verify_receipt", question["verifier"])
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


def answer(case):
    try:
        example.verify(case["receipt"], question["jwks"], case["expected"])
    except Exception as refusal:
        return "{}: {}".format(type(refusal).__name__, refusal)


print(json.dumps([answer(case) for case in question["cases"]]))
