//! What `countersign dev` says when it is up: addresses, how to get tokens, and lines that work as printed.

use super::Suite;

/// The text. `program` is how to call this program again.
pub(crate) fn text(suite: &Suite, program: &str) -> String {
    let file = suite.client_file();
    let address = suite.address();
    let environment = &file.environment;
    let dev_file = suite.client_file_path().display();
    let nodes = file.node_endpoints.join(", ");
    format!(
        r#"Countersign, dev mode: throw-away keys, loopback only, nothing here protects anything.

  users and administrators  {address}  (gRPC, reflection, health; HTTP: /.well-known/jwks.json)
  the nodes' audit trails   {nodes}
  environment               {environment}  (preset: strict)
  keys for clients          {dev_file}

Who am I:
  export COUNTERSIGN_DEV_FILE='{dev_file}'
  USER_TOKEN=$('{program}' token user --name alice)
  grpcurl -plaintext -H "authorization: Bearer $USER_TOKEN" -d '{{"parent":"environments/{environment}"}}' {address} countersign.token_issuer.v1.StepUpService/GetSession

Does exporting need a second factor:
  grpcurl -plaintext -H "authorization: Bearer $USER_TOKEN" -d '{{"user":"environments/{environment}/users/me","scope":"wallet:export"}}' {address} countersign.token_issuer.v1.StepUpService/CheckStepUp

Register an authenticator app (the answer has the secret and a QR code):
  grpcurl -plaintext -H "authorization: Bearer $USER_TOKEN" -d '{{"parent":"environments/{environment}/users/me","display_name":"my phone"}}' {address} countersign.mfa_devices.v1.DeviceService/RegisterTotpDevice

Create a wallet:
  grpcurl -plaintext -H "authorization: Bearer $USER_TOKEN" -d '{{"parent":"environments/{environment}/users/me","key_type":"KEY_TYPE_ED25519","operation_id":"'$(cat /proc/sys/kernel/random/uuid)'"}}' {address} countersign.waas_gateway.v1.WalletService/CreateWallet

As an administrator, the environment and the audit trail:
  ADMIN_TOKEN=$('{program}' token admin)
  grpcurl -plaintext -H "authorization: Bearer $ADMIN_TOKEN" -d '{{"name":"environments/{environment}"}}' {address} countersign.policy.v1.PolicyAdminService/GetEnvironment
  grpcurl -plaintext -H "authorization: Bearer $ADMIN_TOKEN" -d '{{"parent":"environments/{environment}"}}' {address} countersign.token_issuer.v1.TokenIssuerAdminService/ListAuditEvents

What there is:
  grpcurl -plaintext {address} list

From the command line: '{program}' wallet | device | totp | passkey | recovery-codes | factors
Stop with Ctrl-C."#
    )
}
