use jose::{Algorithm, KeySet, KeyStatement, Kind, PublicJwk, ReceiptClaims, SigningKey};
use kernel::secret::ExposeSecret;
use kernel::{Entropy, SessionId, Timestamp, TokenId};
use operation::CheckedOperation;

use crate::SeededEntropy;

/// An issuer of receipts and the operator root that vouches for its key.
#[derive(Debug)]
pub struct TestReceipts {
    /// The `iss` of its receipts.
    pub issuer: String,
    key: SigningKey,
    root: SigningKey,
    entropy: SeededEntropy,
}

impl TestReceipts {
    /// With fresh keys.
    pub fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            key: SigningKey::generate(Algorithm::Es256).unwrap(),
            root: SigningKey::generate(Algorithm::EdDsa).unwrap(),
            entropy: SeededEntropy::new(0x5ec1),
        }
    }

    /// The operator root's public key.
    pub fn root(&self) -> PublicJwk {
        self.root.public_jwk()
    }

    /// A statement of the receipt keys, good for a day around `now`.
    pub fn statement(&self, sequence: u64, now: Timestamp) -> String {
        let statement = KeyStatement {
            sequence,
            issuer: self.issuer.clone(),
            not_before: now.seconds() - 3600,
            not_after: now.seconds() + 86_400,
            keys: KeySet::from_keys(vec![self.key.public_jwk()]).unwrap(),
        };
        jose::sign_statement(&statement, &self.root).unwrap()
    }

    /// The claims of a good receipt for `checked`, to be signed by [`Self::sign`] as they are or spoiled.
    pub fn claims(
        &self,
        checked: &CheckedOperation,
        audience: &str,
        paid_by: Option<TokenId>,
        now: Timestamp,
    ) -> ReceiptClaims {
        let operation = checked.operation();
        ReceiptClaims {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            sub: operation.user,
            environment_id: operation.environment,
            sid: "session-1".parse::<SessionId>().unwrap(),
            jti: TokenId::random(&self.entropy as &dyn Entropy),
            iat: now.seconds(),
            exp: now.seconds() + 60,
            operation_id: operation.id,
            digest: *checked.digest().as_bytes(),
            action: checked.action(),
            wallet: checked.wallet().map(|wallet| wallet.id),
            share_generation: checked.wallet().map(|wallet| wallet.share_generation),
            paid_by,
            acr: None,
            amr: None,
            auth_time: None,
            policy_version: 1,
        }
    }

    /// Signs claims as a receipt.
    pub fn sign(&self, claims: &ReceiptClaims) -> String {
        jose::sign(Kind::Receipt, claims, &self.key).unwrap().expose_secret().to_owned()
    }

    /// A good receipt for `checked`.
    pub fn receipt(
        &self,
        checked: &CheckedOperation,
        audience: &str,
        paid_by: Option<TokenId>,
        now: Timestamp,
    ) -> String {
        self.sign(&self.claims(checked, audience, paid_by, now))
    }
}
