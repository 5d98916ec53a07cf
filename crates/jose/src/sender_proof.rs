//! Proofs by whoever presents a token that they hold a key: DPoP proofs (RFC 9449 section 4), with a claim of our own for
//! the operation that is asked for.
//!
//! A proof brings its public key along, so it says nothing about who made it: its whole worth is the thumbprint, which is
//! compared with the one in the token. It is not one of the [kinds](crate::Kind) of tokens, whose keys never come with
//! them: nothing that is accepted here is accepted there, and the reverse.
//!
//! A proof by a key is not good for once: it is good for one call, about one token and one operation, for a minute.
//! Whoever repeats it asks for what was asked for already, and gets what was given already.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use kernel::{SecretText, Timestamp};
use serde_json::{Value, json};

use crate::compact::{MAX_TOKEN_BYTES, Split, object};
use crate::error::{KeyError, SenderProofError, SigningError, TokenError};
use crate::json::ClaimMap;
use crate::jwk::PublicJwk;
use crate::verify::numeric_date;
use crate::{Algorithm, SigningKey, Thumbprint, encoding};

/// The `typ` of a proof (RFC 9449 section 4.2).
pub const TYP: &str = "dpop+jwt";

/// How far from now the time of a proof may be: a minute to carry it, or by which the clocks differ.
pub const WINDOW: Duration = Duration::from_secs(60);

/// The parameters of a header. All must be there, and no other (RFC 9449 section 4.3, no. 4 to 7, and more strictly).
const PARAMETERS: [&str; 3] = ["alg", "typ", "jwk"];

/// The longest `jti`, in characters.
const MAX_ID: usize = 255;

/// The call that a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct ExpectCall<'a> {
    /// The path of the method, such as `/countersign.token_issuer.v1.StepUpService/AuthorizeOperation`. Of `htu` only
    /// the path is compared: behind a front nobody here knows by which name and scheme the client calls.
    pub path: &'a str,
    /// The token that is presented; the proof must name it (`ath`), and none where none is.
    pub token: Option<&'a str>,
    /// The digest of the operation that is asked for; the proof must name it (`operation_digest`), and none where none is.
    pub operation_digest: Option<&'a [u8; 32]>,
}

/// Verifies a proof at the moment `now`, and says by which key it is.
///
/// # Errors
/// [`SenderProofError`], the first check that fails.
pub fn verify(proof: &str, call: &ExpectCall<'_>, now: Timestamp) -> Result<Thumbprint, SenderProofError> {
    let split = Split::of(proof, MAX_TOKEN_BYTES)?;
    let key = key(&object(split.header)?)?;
    if !key.verifies(split.signing_input.as_bytes(), split.signature) {
        return Err(TokenError::BadSignature.into());
    }
    judge(&split.payload()?, call, now)?;
    Ok(key.thumbprint())
}

/// The key in a header, if it can be one of a proof.
fn key(header: &ClaimMap) -> Result<PublicJwk, SenderProofError> {
    if header.keys().any(|name| !PARAMETERS.contains(&name.as_str())) {
        return Err(TokenError::HeaderForbidden("parameters other than alg, typ and jwk").into());
    }
    if header.get("typ").and_then(Value::as_str) != Some(TYP) {
        return Err(TokenError::WrongKind.into());
    }
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .and_then(|name| name.parse::<Algorithm>().ok())
        .ok_or(TokenError::AlgorithmNotAllowed)?;
    let jwk = header.get("jwk").and_then(Value::as_object).ok_or(KeyError::Malformed)?;
    let key = PublicJwk::from_members(jwk)?;
    if key.algorithm() != algorithm {
        return Err(TokenError::AlgorithmNotAllowed.into());
    }
    Ok(key)
}

fn judge(claims: &ClaimMap, call: &ExpectCall<'_>, now: Timestamp) -> Result<(), SenderProofError> {
    let text = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(TokenError::ClaimInvalid(name)),
    };
    let required = |name: &'static str| text(name)?.ok_or(TokenError::ClaimInvalid(name));
    if !(1..=MAX_ID).contains(&required("jti")?.chars().count()) {
        return Err(TokenError::ClaimInvalid("jti").into());
    }
    // Every call of gRPC is a POST.
    if required("htm")? != "POST" || path(required("htu")?) != Some(call.path) {
        return Err(SenderProofError::WrongCall);
    }
    let made = numeric_date(claims, "iat")?.ok_or(TokenError::ClaimInvalid("iat"))?;
    let made = Timestamp::from_seconds(made);
    if made.plus(WINDOW) < now || made > now.plus(WINDOW) {
        return Err(SenderProofError::NotCurrent);
    }
    if text("ath")? != call.token.map(token_hash).as_deref() {
        return Err(SenderProofError::WrongToken);
    }
    if text("operation_digest")? != call.operation_digest.map(|digest| encoding::encode(digest)).as_deref() {
        return Err(SenderProofError::WrongOperation);
    }
    Ok(())
}

/// The path of an absolute URI without query and fragment (RFC 9449 section 4.2, `htu`).
fn path(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))?;
    // A query or fragment stays where it is, and is compared with nothing that has one.
    rest.find(['/', '?', '#']).filter(|authority| *authority > 0).map(|authority| &rest[authority..])
}

/// `ath`: SHA-256 over the token as it is sent (RFC 9449 section 4.2).
fn token_hash(token: &str) -> String {
    encoding::encode(digest(&SHA256, token.as_bytes()).as_ref())
}

/// A proof to be made.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Where the method is called: the address of the service and the path of the method, as an absolute `https` or
    /// `http` URI without query and fragment.
    pub uri: &'a str,
    /// The token that is presented.
    pub token: Option<&'a SecretText>,
    /// The digest of the operation that is asked for.
    pub operation_digest: Option<&'a [u8; 32]>,
    /// A name that no other proof has.
    pub id: &'a str,
    /// Now.
    pub at: Timestamp,
}

/// Makes a proof by `key`, for a client.
///
/// # Errors
/// [`SigningError`].
pub fn sign(call: &Call<'_>, key: &SigningKey) -> Result<SecretText, SigningError> {
    use kernel::secret::ExposeSecret as _;

    let header = json!({
        "alg": key.algorithm().as_str(),
        "typ": TYP,
        "jwk": key.public_jwk().required_members(),
    });
    let mut claims = json!({
        "jti": call.id,
        "htm": "POST",
        "htu": call.uri,
        "iat": call.at.seconds(),
    });
    if let Some(token) = call.token {
        claims["ath"] = token_hash(token.expose_secret()).into();
    }
    if let Some(digest) = call.operation_digest {
        claims["operation_digest"] = encoding::encode(digest).into();
    }
    let part = |value: &Value| encoding::encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims));
    let signature = encoding::encode(&key.signature(input.as_bytes())?);
    Ok(SecretText::from(format!("{input}.{signature}")))
}
