"""Verifies the evidence of a passkey's proof as docs/passkeys.md says; prints `verified` or `refused`.

    RP_ID ORIGIN ENVIRONMENT USER, then in hexadecimal: CREDENTIAL_ID PUBLIC_KEY AUTHENTICATOR_DATA CLIENT_DATA SIGNATURE
    NONCE PURPOSE OPERATION_DIGEST (empty for none)
"""

import hashlib
import sys
import uuid

from webauthn import verify_authentication_response
from webauthn.helpers import bytes_to_base64url as b64
from webauthn.helpers.exceptions import WebAuthnException

rp_id, origin, environment, user = sys.argv[1:5]
credential_id, public_key, authenticator_data, client_data, signature, nonce, purpose, operation = map(
    bytes.fromhex, sys.argv[5:]
)

challenge = hashlib.sha256(
    b"countersign/webauthn-challenge/v1"
    + nonce
    + uuid.UUID(environment).bytes
    + uuid.UUID(user).bytes
    + purpose
    + (b"\x01" + operation if operation else b"\x00")
).digest()

try:
    verify_authentication_response(
        credential={
            "id": b64(credential_id), "rawId": b64(credential_id), "type": "public-key",
            "response": {
                "authenticatorData": b64(authenticator_data),
                "clientDataJSON": b64(client_data),
                "signature": b64(signature),
            },
            "clientExtensionResults": {},
        },
        expected_challenge=challenge,
        expected_rp_id=rp_id,
        expected_origin=origin,
        credential_public_key=public_key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    print("verified")
except WebAuthnException as refusal:
    print("refused")
    print(refusal, file=sys.stderr)
