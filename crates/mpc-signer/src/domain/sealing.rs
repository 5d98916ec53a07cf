//! Sealing to a public key: HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
//! ChaCha20Poly1305, one message per context.

use hpke::{Deserializable, HpkeError, Kem as _, OpModeR, OpModeS, Serializable};
use kernel::{Entropy, SecretBytes};

use super::rng::EntropyRng;

type Kem = hpke::kem::X25519HkdfSha256;
type Kdf = hpke::kdf::HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;

/// The private half of a key that things are sealed to. Zeroized when dropped.
#[derive(Clone)]
pub(crate) struct OpeningKey(<Kem as hpke::Kem>::PrivateKey);

impl OpeningKey {
    /// From the 32 octets of an X25519 private key (RFC 7748), which are clamped.
    pub(crate) fn from_octets(octets: &[u8]) -> Result<Self, HpkeError> {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(octets).map(Self)
    }

    /// The same from octets whose number is known.
    pub(crate) fn from_array(octets: &[u8; 32]) -> Self {
        #[expect(clippy::expect_used, reason = "fails only on another length than 32")]
        Self::from_octets(octets).expect("32 octets")
    }

    /// The public half, 32 octets.
    pub(crate) fn public(&self) -> [u8; 32] {
        Kem::sk_to_pk(&self.0).to_bytes().into()
    }
}

/// Something sealed.
pub(crate) struct Sealed {
    /// The encapsulated key.
    pub(crate) encapsulated_key: [u8; 32],
    /// The ciphertext with its tag.
    pub(crate) ciphertext: Vec<u8>,
}

/// Seals `plaintext` to `recipient`, bound to `info`. Fails when the public key is a low-order point.
pub(crate) fn seal(
    recipient: &[u8; 32],
    info: &[u8],
    plaintext: &[u8],
    entropy: &dyn Entropy,
) -> Result<Sealed, HpkeError> {
    let recipient = <Kem as hpke::Kem>::PublicKey::from_bytes(recipient)?;
    let (encapsulated_key, ciphertext) = hpke::single_shot_seal_with_rng::<Aead, Kdf, Kem>(
        &OpModeS::Base,
        &recipient,
        info,
        plaintext,
        &[],
        &mut EntropyRng(entropy),
    )?;
    Ok(Sealed { encapsulated_key: encapsulated_key.to_bytes().into(), ciphertext })
}

/// Opens what was sealed to `key` with the same `info`.
pub(crate) fn open(
    key: &OpeningKey,
    info: &[u8],
    encapsulated_key: &[u8; 32],
    ciphertext: &[u8],
) -> Result<SecretBytes, HpkeError> {
    let encapsulated_key = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated_key)?;
    hpke::single_shot_open::<Aead, Kdf, Kem>(&OpModeR::Base, &key.0, &encapsulated_key, info, ciphertext, &[])
        .map(SecretBytes::from)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use kernel::secret::ExposeSecret;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 9180 appendix A.2.1, sequence number 0.
    #[test]
    fn the_suite_is_the_one_of_the_rfc_s_vector() {
        let key =
            OpeningKey::from_octets(&hex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"))
                .unwrap();
        assert_eq!(
            key.public().to_vec(),
            hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a")
        );
        let enc = hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a");
        let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&enc).unwrap();
        let opened = hpke::single_shot_open::<Aead, Kdf, Kem>(
            &OpModeR::Base,
            &key.0,
            &enc,
            b"Ode on a Grecian Urn",
            &hex(
                "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
            ),
            b"Count-0",
        );
        assert_eq!(opened.unwrap(), b"Beauty is truth, truth beauty");
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_info_only() {
        let entropy = fixtures::entropy(1);
        let (key, other) = (OpeningKey::from_array(&[1; 32]), OpeningKey::from_array(&[2; 32]));
        let sealed = seal(&key.public(), b"info", b"secret", &entropy).unwrap();
        let open = |key, info, ciphertext| open(key, info, &sealed.encapsulated_key, ciphertext);
        assert_eq!(open(&key, b"info", &sealed.ciphertext).unwrap().expose_secret(), b"secret");
        assert!(open(&other, b"info", &sealed.ciphertext).is_err());
        assert!(open(&key, b"inf0", &sealed.ciphertext).is_err());
        assert!(open(&key, b"info", &sealed.ciphertext[..15]).is_err());
    }

    #[test]
    fn nothing_is_sealed_to_a_low_order_point() {
        assert!(seal(&[0; 32], b"info", b"secret", &fixtures::entropy(1)).is_err());
    }
}
