//! Private keys, and making tokens with them.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use kernel::secret::ExposeSecret;
use kernel::{SecretBytes, SecretText};
use serde::Serialize;

use crate::compact::MAX_TOKEN_BYTES;
use crate::header::OwnHeader;
use crate::{Algorithm, KeyError, KeyId, Kind, PublicJwk, SigningError, encoding};

/// A private key with its name and its one algorithm. Prints as its name only.
///
/// The parsed key pair is kept: `jsonwebtoken` would parse the PKCS#8 document again for every signature. Randomness
/// for new keys and for ECDSA is the cryptographic library's own, which takes none from outside.
pub struct SigningKey {
    pair: Pair,
    public: PublicJwk,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl SigningKey {
    /// A fresh key. RSA keys have 3072 bits and may take seconds to find.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Library("key generation");
        Self::from_pair(match algorithm {
            Algorithm::Es256 => {
                Pair::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?)
            }
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::generate().map_err(failed)?),
            Algorithm::Rs256 => Pair::Rs256(RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?),
        })
    }

    /// From an unencrypted PKCS#8 document (RFC 5208, DER), as [`Self::to_pkcs8`] and `openssl genpkey` write it.
    ///
    /// # Errors
    /// [`KeyError::Invalid`]: not such a document, a key of another type, or RSA outside 2048 to 8192 bits.
    pub fn from_pkcs8(algorithm: Algorithm, der: &SecretBytes) -> Result<Self, KeyError> {
        let der = der.expose_secret();
        let refused =
            |_| KeyError::Invalid("not an unencrypted PKCS#8 document with a key of this algorithm");
        Self::from_pair(match algorithm {
            Algorithm::Es256 => {
                Pair::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(refused)?)
            }
            Algorithm::EdDsa => Pair::EdDsa(Ed25519KeyPair::from_pkcs8(der).map_err(refused)?),
            Algorithm::Rs256 => Pair::Rs256(RsaKeyPair::from_pkcs8(der).map_err(refused)?),
        })
    }

    fn from_pair(pair: Pair) -> Result<Self, KeyError> {
        let public = match &pair {
            Pair::Es256(pair) => match pair.public_key().as_ref() {
                [4, coordinates @ ..] => match coordinates.as_chunks() {
                    ([x, y], []) => PublicJwk::p256(*x, *y, None),
                    _ => Err(KeyError::Library("reading the public key")),
                },
                _ => Err(KeyError::Library("reading the public key")),
            },
            Pair::EdDsa(pair) => match pair.public_key().as_ref().try_into() {
                Ok(x) => PublicJwk::ed25519(x, None),
                Err(_) => Err(KeyError::Library("reading the public key")),
            },
            Pair::Rs256(pair) => {
                let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::from(pair.public_key());
                PublicJwk::rsa(n, e, None)
            }
        }?;
        Ok(Self { pair, public })
    }

    /// The same key under another name than its thumbprint.
    #[must_use]
    pub fn with_key_id(self, key_id: KeyId) -> Self {
        Self { public: self.public.renamed(key_id), ..self }
    }

    /// The private key as an unencrypted PKCS#8 version 1 document, to be sealed and stored. The name is not in it.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn to_pkcs8(&self) -> Result<SecretBytes, KeyError> {
        let failed = |_| KeyError::Library("writing the key");
        let document = match &self.pair {
            Pair::Es256(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::EdDsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rs256(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(failed)?.as_ref().to_vec(),
        };
        Ok(SecretBytes::from(document))
    }

    /// Its name.
    pub fn key_id(&self) -> &KeyId {
        self.public.key_id()
    }

    /// The one algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The public key, under the same name.
    pub fn public_jwk(&self) -> PublicJwk {
        self.public.clone()
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "an argument for compatibility only: aws-lc draws its own randomness and ignores it"
        )]
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Es256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Pair::EdDsa(pair) => pair.try_sign(message).map(|signature| signature.as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| SigningError::Library)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("key_id", self.key_id())
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

/// Makes a token. Its header is exactly `alg`, `typ` and `kid`; its claims are taken as they are.
///
/// # Errors
/// [`SigningError`]: the claims are not a JSON object, the token would be longer than [`MAX_TOKEN_BYTES`], or the
/// library failed.
pub fn sign<C: Serialize>(kind: Kind, claims: &C, key: &SigningKey) -> Result<SecretText, SigningError> {
    sign_within(MAX_TOKEN_BYTES, kind, claims, key).map(SecretText::from)
}

/// The same with another bound.
pub(crate) fn sign_within<C: Serialize>(
    max: usize,
    kind: Kind,
    claims: &C,
    key: &SigningKey,
) -> Result<String, SigningError> {
    let header = OwnHeader { alg: key.algorithm().as_str(), typ: kind.typ(), kid: key.key_id().as_str() };
    let header = serde_json::to_vec(&header).map_err(|_| SigningError::Claims)?;
    let payload = serde_json::to_vec(claims).map_err(|_| SigningError::Claims)?;
    if payload.first() != Some(&b'{') {
        return Err(SigningError::Claims);
    }
    let signing_input = format!("{}.{}", encoding::encode(&header), encoding::encode(&payload));
    let signature = encoding::encode(&key.signature(signing_input.as_bytes())?);
    // Allocated once at its full length, so that no partial copy of the finished token is left behind.
    let mut token = String::with_capacity(signing_input.len() + 1 + signature.len());
    token.push_str(&signing_input);
    token.push('.');
    token.push_str(&signature);
    if token.len() > max {
        return Err(SigningError::TooLarge);
    }
    Ok(token)
}
