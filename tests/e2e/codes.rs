//! Codes of other people's software are accepted: the key that is shown is what everybody understands.

use proto::mfa_devices::RegisterTotpDeviceRequest;

use crate::support::answer::Done as _;
use crate::support::dev::suite;
use crate::support::secrets::secret;
use crate::support::tools::{OATHTOOL, PYTHON, prepared, program, run_well};
use crate::support::user::User;

/// A user's pending device: its name, its secret and its key URI.
async fn registered(user: &User) -> (String, String, String) {
    let request = RegisterTotpDeviceRequest { parent: user.name(), ..Default::default() };
    let answer = user.devices().register_totp_device(user.request(request)).await.done();
    (answer.device.unwrap().name, secret(answer.secret), secret(answer.otpauth_uri))
}

fn python(script: &str, argument: &str) -> String {
    let mut command = program(prepared(PYTHON));
    command.args(["-c", script, argument]);
    secret(run_well(command).trim())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_oathtool_is_accepted() {
    let user = User::new(suite()).await;
    let (device, base32, _) = registered(&user).await;
    let mut command = program(prepared(OATHTOOL));
    command.args(["--totp", "--base32", &base32]);
    let code = secret(run_well(command).trim());
    user.activate(&device, &code).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_pyotp_is_accepted_from_the_secret_and_from_the_key_uri() {
    for from_uri in [false, true] {
        let user = User::new(suite()).await;
        let (device, base32, uri) = registered(&user).await;
        let (script, shown) = if from_uri {
            ("import pyotp, sys; print(pyotp.parse_uri(sys.argv[1]).now())", &uri)
        } else {
            ("import pyotp, sys; print(pyotp.TOTP(sys.argv[1]).now())", &base32)
        };
        let code = python(script, shown);
        user.activate(&device, &code).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pyotp_reads_in_the_key_uri_what_an_app_should_show() {
    let user = User::new(suite()).await;
    let (_, base32, uri) = registered(&user).await;
    let script = "import pyotp, sys; t = pyotp.parse_uri(sys.argv[1]); \
                  print(t.secret, t.digits, t.interval, t.digest().name, t.issuer)";
    let told = python(script, &uri);
    assert_eq!(told, format!("{base32} 6 30 sha1 Countersign dev"));
}
