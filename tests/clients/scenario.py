"""Plays the main job with clients that Google's tools generate from the protos: nothing of the suite's own code runs here.

    scenario.py PROTO_FOLDER CLIENT_FILE [--ca FILE] [--endpoint SERVICE=URL ...]

CLIENT_FILE is what `countersign dev` writes for clients. Every service is called at its own endpoint if one is given
(policy, mfa_devices, token_issuer, waas_gateway), otherwise at the file's. `https` endpoints are checked against FILE.
Prints a line a step; ends with an exception where anything is not as promised.
"""

import argparse
import base64
import importlib
import json
import pathlib
import sys
import tempfile
import time
import uuid

import grpc
import grpc_tools
import grpc_tools.protoc
import pyotp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils, x25519
from google.rpc import error_details_pb2
from grpc_status import rpc_status

SERVICES = ["policy", "mfa_devices", "token_issuer", "waas_gateway"]
DEADLINE = 30


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("protos", type=pathlib.Path)
    parser.add_argument("client_file", type=pathlib.Path)
    parser.add_argument("--ca", type=pathlib.Path)
    parser.add_argument("--endpoint", action="append", default=[])
    return parser.parse_args()


def generate(protos, folder):
    """Client code for every proto file, as anybody would make it."""
    files = sorted(str(file) for file in protos.rglob("*.proto"))
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    status = grpc_tools.protoc.main(
        ["protoc", f"-I{protos}", f"-I{known}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    )
    if status != 0:
        raise SystemExit("the protos do not compile")
    sys.path.insert(0, str(folder))


def module(name):
    return importlib.import_module(f"countersign.{name}")


def jwt(kind, key_text, claims):
    """A JWT, RFC 7519, signed ES256, RFC 7518 section 3.4."""
    key = serialization.load_der_private_key(base64.b64decode(key_text), None)
    numbers = key.public_key().public_numbers()
    coordinate = lambda number: encode(number.to_bytes(32, "big"))
    # The key's name is its thumbprint, RFC 7638.
    public = {"crv": "P-256", "kty": "EC", "x": coordinate(numbers.x), "y": coordinate(numbers.y)}
    digest = hashes.Hash(hashes.SHA256())
    digest.update(json.dumps(public, separators=(",", ":"), sort_keys=True).encode())
    header = {"typ": kind, "alg": "ES256", "kid": encode(digest.finalize())}
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def encode(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def say(step):
    print(f"ok  {step}", flush=True)


def refused(reason, call, *parameters, **named):
    """The refusal of a call that must be refused for this reason."""
    try:
        call(*parameters, **named)
    except grpc.RpcError as error:
        details = rpc_status.from_call(error).details
        for detail in details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                assert info.domain == "countersign.dev", info
                assert info.reason == reason, f"expected {reason}: {info} {error.details()}"
                return info.metadata
        raise AssertionError(f"a refusal without a reason: {error}") from error
    raise AssertionError(f"expected {reason}, was answered")


class Suite:
    def __init__(self, options):
        self.file = json.loads(options.client_file.read_text())
        endpoints = dict(pair.split("=", 1) for pair in options.endpoint)
        credentials = grpc.ssl_channel_credentials(options.ca.read_bytes()) if options.ca else None
        self.channels = {}
        for service in SERVICES:
            scheme, address = endpoints.get(service, self.file["endpoint"]).split("://")
            self.channels[service] = (
                grpc.secure_channel(address, credentials) if scheme == "https" else grpc.insecure_channel(address)
            )

    def stub(self, service, file, name):
        client = module(f"{service}.v1.{file}_pb2_grpc")
        return getattr(client, f"{name}Stub")(self.channels[service])

    def session(self, user):
        now = int(time.time())
        provider = self.file["provider"]
        claims = {
            "iss": provider["issuer"],
            "aud": f"{provider['audience']}/{self.file['environment']}",
            "sub": user,
            "sid": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 3600,
            "auth_time": now,
        }
        return [("authorization", "Bearer " + jwt("session+jwt", provider["key"], claims))]


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        generate(options.protos, folder)
        play(Suite(options))


def play(suite):
    types = module("type.v1.operation_pb2")
    devices_pb2 = module("mfa_devices.v1.device_service_pb2")
    step_up_pb2 = module("token_issuer.v1.step_up_service_pb2")
    wallets_pb2 = module("waas_gateway.v1.wallet_service_pb2")
    devices = suite.stub("mfa_devices", "device_service", "DeviceService")
    step_up = suite.stub("token_issuer", "step_up_service", "StepUpService")
    wallets = suite.stub("waas_gateway", "wallet_service", "WalletService")

    call = {"metadata": suite.session(f"python-{uuid.uuid4()}"), "timeout": DEADLINE}
    environment = f"environments/{suite.file['environment']}"
    user = step_up.GetSession(step_up_pb2.GetSessionRequest(parent=environment), **call).user
    assert user.startswith(f"{environment}/users/"), user
    say("the session is known")

    registered = devices.RegisterTotpDevice(
        devices_pb2.RegisterTotpDeviceRequest(parent=user, display_name="python"), **call
    )
    totp = pyotp.TOTP(registered.secret)
    now = int(time.time())
    # Three steps are accepted at a time, so three codes are at hand without waiting.
    codes = iter([totp.at(now + drift) for drift in (-30, 0, 30)])
    devices.ActivateTotpDevice(
        devices_pb2.ActivateTotpDeviceRequest(
            name=registered.device.name, code=next(codes), request_id=str(uuid.uuid4())
        ),
        **call,
    )
    say("an authenticator app is registered and activated")

    created = wallets.CreateWallet(
        wallets_pb2.CreateWalletRequest(
            parent=user, key_type=types.KEY_TYPE_ED25519, operation_id=str(uuid.uuid4())
        ),
        **call,
    )
    wallet = created.wallet
    assert wallet.state == wallets_pb2.WALLET_STATE_ACTIVE
    say(f"a wallet of {wallet.threshold} of {wallet.nodes} nodes is made")

    recipient = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    export = wallets_pb2.ExportWalletRequest(
        name=wallet.name,
        operation_id=str(uuid.uuid4()),
        share_generation=wallet.share_generation,
        recipient_public_key=recipient,
    )
    metadata = refused("STEP_UP_REQUIRED", wallets.ExportWallet, export, **call)
    assert "wallet:export" in metadata["scopes"], metadata
    say("an export without a proof is refused, and the refusal says what would do")

    message = b"from a client that nobody here wrote"
    sign = types.SignMessageOperation(
        wallet=wallet.name, share_generation=wallet.share_generation, message=message
    )
    operation = types.Operation(user=user, operation_id=str(uuid.uuid4()), sign_message=sign)
    proof = step_up_pb2.AuthenticateTotpRequest(
        user=user,
        code=next(codes),
        requested_scopes=["wallet:sign"],
        operation=operation,
        request_id=str(uuid.uuid4()),
    )
    token = step_up.AuthenticateTotp(proof, **call).elevated_token
    assert len(token.operation_digest) == 32
    refused(
        "CODE_REJECTED",
        step_up.AuthenticateTotp,
        step_up_pb2.AuthenticateTotpRequest(
            user=user,
            code=proof.code,
            requested_scopes=["wallet:sign"],
            operation=operation,
            request_id=str(uuid.uuid4()),
        ),
        **call,
    )
    say("a code makes a token bound to one operation, and is used up")

    other = types.Operation(
        user=user,
        operation_id=str(uuid.uuid4()),
        sign_message=types.SignMessageOperation(
            wallet=wallet.name, share_generation=wallet.share_generation, message=b"something else"
        ),
    )
    authorize = lambda what: step_up_pb2.AuthorizeOperationRequest(operation=what, elevated_token=token.token)
    refused("OPERATION_MISMATCH", step_up.AuthorizeOperation, authorize(other), **call)
    first = step_up.AuthorizeOperation(authorize(operation), **call)
    again = step_up.AuthorizeOperation(authorize(operation), **call)
    assert first.token_redeemed and first.operation_digest == token.operation_digest
    assert again.operation_digest == first.operation_digest
    refused("TOKEN_ALREADY_REDEEMED", step_up.AuthorizeOperation, authorize(other), **call)
    say("the token pays for that operation, twice asked, and for no other")

    request = wallets_pb2.SignMessageRequest(
        name=wallet.name,
        operation_id=operation.operation_id,
        share_generation=wallet.share_generation,
        message=message,
        receipt=again.receipt,
    )
    signature = wallets.SignMessage(request, **call).signature
    ed25519.Ed25519PublicKey.from_public_bytes(wallet.public_key).verify(signature, message)
    assert wallets.SignMessage(request, **call).signature == signature
    say("the signature is good, and the same call gives the same one")

    changed = wallets_pb2.SignMessageRequest()
    changed.CopyFrom(request)
    changed.message = b"something else"
    changed.operation_id = str(uuid.uuid4())
    refused("RECEIPT_MISMATCH", wallets.SignMessage, changed, **call)
    say("the receipt is good for nothing else")


if __name__ == "__main__":
    main()
