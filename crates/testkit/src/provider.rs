use jose::{Algorithm, KeySet, Kind, SigningKey};
use kernel::Timestamp;
use kernel::secret::ExposeSecret;
use serde_json::{Value, json};

/// An identity provider with one key.
#[derive(Debug)]
pub struct TestProvider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` of its tokens.
    pub audience: String,
    key: SigningKey,
}

impl TestProvider {
    /// With a fresh ES256 key.
    pub fn new(issuer: &str, audience: &str) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        Self { issuer: issuer.to_owned(), audience: audience.to_owned(), key }
    }

    /// Its public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> String {
        self.key_set().to_jwks_json()
    }

    /// Its public keys.
    pub fn key_set(&self) -> KeySet {
        KeySet::from_keys(vec![self.key.public_jwk()]).unwrap()
    }

    /// The claims of a good session of `subject` that began at `now` and lasts an hour.
    pub fn session_claims(&self, subject: &str, session: &str, now: Timestamp) -> Value {
        json!({
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject,
            "sid": session,
            "iat": now.seconds(),
            "exp": now.seconds() + 3600,
            "auth_time": now.seconds(),
        })
    }

    /// A good session token of `subject`.
    pub fn session(&self, subject: &str, session: &str, now: Timestamp) -> String {
        self.sign(Kind::Session, &self.session_claims(subject, session, now))
    }

    /// An administrator's token with `roles` such as `owner@*`, good for an hour.
    pub fn admin(&self, subject: &str, roles: &[&str], now: Timestamp) -> String {
        self.sign(
            Kind::Admin,
            &json!({
                "iss": self.issuer,
                "aud": self.audience,
                "sub": subject,
                "iat": now.seconds(),
                "exp": now.seconds() + 3600,
                "countersign_roles": roles,
            }),
        )
    }

    /// Any claims, as a token of any kind.
    pub fn sign(&self, kind: Kind, claims: &Value) -> String {
        jose::sign(kind, claims, &self.key).unwrap().expose_secret().to_owned()
    }
}
