//! Public keys as JWKs (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

mod read;

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};

use crate::encoding::encode;
use crate::{Algorithm, KeyError, KeyId, Thumbprint, json as strict};

pub(crate) use read::Entry;

/// Judges one entry of a JWK set.
pub(crate) fn entry(jwk: &strict::ClaimMap, allowed: &[Algorithm]) -> Result<Entry, KeyError> {
    read::entry(jwk, allowed, read::KeyName::Required)
}

/// The longest single JWK that is read, in bytes.
const MAX_JWK_BYTES: usize = 16 * 1024;

/// A public key with its name and its one algorithm, checked and ready to verify.
#[derive(Clone)]
pub struct PublicJwk {
    key_id: KeyId,
    material: Material,
    decoding: DecodingKey,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicJwk {
    /// Reads one JWK, such as an operator root in a configuration. Without a `kid` its name is its thumbprint.
    ///
    /// # Errors
    /// [`KeyError`]: not a JWK, private members, symmetric, or not for verifying one of our algorithms.
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_JWK_BYTES {
            return Err(KeyError::Malformed);
        }
        Self::from_members(&strict::parse_object(text.as_bytes()).ok_or(KeyError::Malformed)?)
    }

    /// The same from its members.
    pub(crate) fn from_members(members: &strict::ClaimMap) -> Result<Self, KeyError> {
        match read::entry(members, &Algorithm::ALL, read::KeyName::OrThumbprint)? {
            Entry::Usable(key) => Ok(key),
            Entry::Other => Err(KeyError::Unsupported),
        }
    }

    /// A P-256 key; the point must lie on the curve (RFC 8725 section 3.4).
    pub(crate) fn p256(x: [u8; 32], y: [u8; 32], name: Option<KeyId>) -> Result<Self, KeyError> {
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point)
            .map_err(|_| KeyError::Invalid("x and y are not a point of P-256"))?;
        Ok(Self::named(name, Material::P256 { x, y }, DecodingKey::from_ec_der(&point)))
    }

    /// An Ed25519 key.
    pub(crate) fn ed25519(x: [u8; 32], name: Option<KeyId>) -> Result<Self, KeyError> {
        ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Invalid("x is not an Ed25519 key"))?;
        Ok(Self::named(name, Material::Ed25519 { x }, DecodingKey::from_ed_der(&x)))
    }

    /// An RSA key; `n` and `e` are big-endian without leading zeros (RFC 7518 section 6.3.1).
    pub(crate) fn rsa(n: Vec<u8>, e: Vec<u8>, name: Option<KeyId>) -> Result<Self, KeyError> {
        let (Some(top), Some(low)) = (n.first().copied(), n.last().copied()) else {
            return Err(KeyError::Invalid("n is empty"));
        };
        let bits = (n.len() * 8).saturating_sub(top.leading_zeros() as usize);
        if top == 0 || low % 2 == 0 {
            return Err(KeyError::Invalid("n has leading zeros or is even"));
        }
        // RFC 7518 section 3.3 sets the lower bound; the upper one keeps a verification cheap.
        if !(2048..=8192).contains(&bits) {
            return Err(KeyError::Invalid("the RSA modulus must have 2048 to 8192 bits"));
        }
        // Odd, at least 3 and of at most 4 octets: larger ones are unheard of and only cost time.
        let exponent = match *e {
            [] | [0, ..] => None,
            [.., low] if low % 2 == 0 => None,
            [1] => None,
            _ => Some(e.len()).filter(|octets| *octets <= 4),
        };
        if exponent.is_none() {
            return Err(KeyError::Invalid("e is not an odd number of at most 32 bits above 1"));
        }
        let decoding = DecodingKey::from_rsa_raw_components(&n, &e);
        Ok(Self::named(name, Material::Rsa { n, e }, decoding))
    }

    fn named(name: Option<KeyId>, material: Material, decoding: DecodingKey) -> Self {
        let key_id = name.unwrap_or_else(|| material.thumbprint().into());
        Self { key_id, material, decoding }
    }

    /// Its name.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The one algorithm it verifies.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::P256 { .. } => Algorithm::Es256,
            Material::Ed25519 { .. } => Algorithm::EdDsa,
            Material::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// Its RFC 7638 thumbprint (SHA-256, base64url), whatever its name is. Two keys are the same key exactly when
    /// their thumbprints are equal.
    pub fn thumbprint(&self) -> Thumbprint {
        self.material.thumbprint()
    }

    /// The key as a JWK, with `kid`, `alg` and `use`.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// The members that define the key, and no others.
    pub(crate) fn required_members(&self) -> Value {
        self.material.required_members()
    }

    pub(crate) fn to_value(&self) -> Value {
        let mut jwk = self.material.required_members();
        jwk["kid"] = self.key_id.as_str().into();
        jwk["alg"] = self.algorithm().as_str().into();
        jwk["use"] = "sig".into();
        jwk
    }

    /// The same key under another name.
    #[must_use]
    pub(crate) fn renamed(self, key_id: KeyId) -> Self {
        Self { key_id, ..self }
    }

    /// Whether `signature` (base64url) is one by this key over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.decoding, self.algorithm().library())
            .unwrap_or(false)
    }
}

impl Material {
    /// The members that define the key, and that its thumbprint covers (RFC 7638 section 3.2, RFC 8037 section 2).
    fn required_members(&self) -> Value {
        match self {
            Self::P256 { x, y } => json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)}),
            Self::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)}),
            Self::Rsa { n, e } => json!({"kty": "RSA", "n": encode(n), "e": encode(e)}),
        }
    }

    fn thumbprint(&self) -> Thumbprint {
        // Written out, because the order of the members and the absence of white space are part of the definition.
        let canonical = match self {
            Self::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y))
            }
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode(x)),
            Self::Rsa { n, e } => format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, encode(e), encode(n)),
        };
        Thumbprint::of(&canonical)
    }
}

impl PartialEq for PublicJwk {
    fn eq(&self, other: &Self) -> bool {
        self.key_id == other.key_id && self.material == other.material
    }
}

impl Eq for PublicJwk {}

impl fmt::Debug for PublicJwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicJwk")
            .field("key_id", &self.key_id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
