//! Sealing of secrets at rest: AES-256-GCM (NIST SP 800-38D) under a versioned key-encryption key, with the row's
//! identity as associated data, so that a sealed value moved to another row, column or table does not open.

pub mod rewrap;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, Result, SecretBytes, entropy};

/// The length of a key-encryption key in octets.
pub const KEY_LENGTH: usize = 32;

/// Where a sealed value belongs. Opens only with the same context it was sealed with.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The table and column, e.g. `totp_secrets.secret`.
    pub column: &'static str,
    /// The row's primary key.
    pub row: &'a [u8],
}

impl Context<'_> {
    /// Both parts with their lengths in front, so that no two contexts share an encoding.
    fn associated_data(&self, version: u32) -> Vec<u8> {
        let mut out = b"countersign/sealed/v1".to_vec();
        out.extend(version.to_be_bytes());
        for part in [self.column.as_bytes(), self.row] {
            out.extend((part.len() as u64).to_be_bytes());
            out.extend(part);
        }
        out
    }
}

/// Seals with the newest key-encryption key and opens with the one that a value names.
///
/// A sealed value is `version (4 octets, big endian) | nonce (12) | ciphertext and tag`. The nonce is random: a key
/// seals far fewer than 2^32 values.
pub struct Sealer {
    keys: BTreeMap<u32, LessSafeKey>,
    current: u32,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("current", &self.current).finish_non_exhaustive()
    }
}

impl Sealer {
    /// From key-encryption keys by version, from 1; the highest version seals. Refused without a key, with version
    /// zero, or with a key that is not 32 octets long.
    pub fn new(
        keys: impl IntoIterator<Item = (u32, SecretBytes)>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let ring = ring(keys)?;
        let current =
            *ring.keys().next_back().ok_or_else(|| Error::internal("there is no key-encryption key"))?;
        Ok(Self { keys: ring, current, entropy })
    }

    /// The same, but version `current` seals: a higher one is there already to open what other processes seal with
    /// it. Refused when there is no such version.
    pub fn with_current(
        keys: impl IntoIterator<Item = (u32, SecretBytes)>,
        current: u32,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let ring = ring(keys)?;
        if !ring.contains_key(&current) {
            return Err(Error::internal("the key-encryption key that is to seal is not there"));
        }
        Ok(Self { keys: ring, current, entropy })
    }

    /// The version that seals.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// Seals `plaintext` for the place `context`.
    pub fn seal(&self, context: Context<'_>, plaintext: &SecretBytes) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = entropy::bytes(self.entropy.as_ref());
        let mut body = plaintext.expose_secret().to_vec();
        let key = self.keys.get(&self.current).ok_or_else(|| Error::internal("no current key"))?;
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context.associated_data(self.current)),
            &mut body,
        )
        .map_err(|_| Error::internal("sealing failed"))?;
        let mut out = self.current.to_be_bytes().to_vec();
        out.extend(nonce);
        out.extend(body);
        Ok(out)
    }

    /// Opens what was sealed for the same place. Refused when it was altered, moved, or sealed with a key that is
    /// not here.
    pub fn open(&self, context: Context<'_>, sealed: &[u8]) -> Result<SecretBytes> {
        let (version, rest) = sealed.split_first_chunk::<4>().ok_or_else(truncated)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(truncated)?;
        let version = u32::from_be_bytes(*version);
        let key = self.keys.get(&version).ok_or_else(|| {
            Error::internal(format!("a value is sealed with key-encryption key {version}, which is not here"))
        })?;
        let mut body = body.to_vec();
        let length = key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context.associated_data(version)),
                &mut body,
            )
            .map_err(|_| Error::internal("a sealed value was altered, moved, or sealed with another key"))?
            .len();
        body.truncate(length);
        Ok(SecretBytes::from(body))
    }

    /// Whether a value was sealed with the version that seals.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        version_of(sealed) == Some(self.current)
    }

    /// The same secret, sealed for the same place with the version that seals. Refused as by [`Sealer::open`].
    pub fn rewrap(&self, context: Context<'_>, sealed: &[u8]) -> Result<Vec<u8>> {
        self.seal(context, &self.open(context, sealed)?)
    }
}

/// The version of the key-encryption key that a value was sealed with; none where it is too short to say.
pub fn version_of(sealed: &[u8]) -> Option<u32> {
    sealed.first_chunk::<4>().map(|version| u32::from_be_bytes(*version))
}

fn ring(keys: impl IntoIterator<Item = (u32, SecretBytes)>) -> Result<BTreeMap<u32, LessSafeKey>> {
    let mut ring = BTreeMap::new();
    for (version, key) in keys {
        let key = UnboundKey::new(&AES_256_GCM, key.expose_secret())
            .map_err(|_| Error::internal("a key-encryption key must be 32 bytes long"))?;
        if version == 0 || ring.insert(version, LessSafeKey::new(key)).is_some() {
            return Err(Error::internal("versions of key-encryption keys are unique and start at 1"));
        }
    }
    Ok(ring)
}

fn truncated() -> Error {
    Error::internal("a sealed value is truncated")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn sealer(versions: &[u32]) -> Sealer {
        let keys = versions
            .iter()
            .map(|version| (*version, SecretBytes::from(vec![u8::try_from(*version).unwrap(); KEY_LENGTH])));
        Sealer::new(keys, Arc::new(Counting(AtomicU8::new(0)))).unwrap()
    }

    fn secret() -> SecretBytes {
        SecretBytes::from(b"twenty octets of seed".to_vec())
    }

    const HERE: Context<'_> = Context { column: "table.column", row: b"row-1" };

    #[test]
    fn what_is_sealed_opens_in_its_own_place_only() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(HERE, &secret()).unwrap();
        assert_eq!(sealer.open(HERE, &sealed).unwrap().expose_secret(), secret().expose_secret());
        assert!(sealer.open(Context { row: b"row-2", ..HERE }, &sealed).is_err());
        assert!(sealer.open(Context { column: "table.colum", row: b"nrow-1" }, &sealed).is_err());
        assert!(!sealed.windows(6).any(|window| window == b"twenty"));
    }

    #[test]
    fn any_altered_or_missing_octet_is_refused() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(HERE, &secret()).unwrap();
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(sealer.open(HERE, &altered).is_err(), "octet {index}");
            assert!(sealer.open(HERE, &sealed[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn the_newest_key_seals_and_older_ones_still_open() {
        let old = sealer(&[1]).seal(HERE, &secret()).unwrap();
        let both = sealer(&[1, 2]);
        assert!(both.open(HERE, &old).is_ok());
        assert!(!both.is_current(&old));
        let new = both.seal(HERE, &secret()).unwrap();
        assert!(both.is_current(&new));
        assert!(sealer(&[1]).open(HERE, &new).is_err());
    }

    #[test]
    fn a_version_that_is_only_prepared_opens_and_does_not_seal() {
        let keys = [(1, SecretBytes::from(vec![1; KEY_LENGTH])), (2, SecretBytes::from(vec![2; KEY_LENGTH]))];
        let entropy = || Arc::new(Counting(AtomicU8::new(0)));
        let prepared = Sealer::with_current(keys.clone(), 1, entropy()).unwrap();
        assert_eq!(prepared.current(), 1);
        assert_eq!(version_of(&prepared.seal(HERE, &secret()).unwrap()), Some(1));
        assert!(prepared.open(HERE, &sealer(&[2]).seal(HERE, &secret()).unwrap()).is_ok());
        assert!(Sealer::with_current(keys, 3, entropy()).is_err());
    }

    #[test]
    fn a_rewrapped_value_is_the_same_secret_in_the_same_place() {
        let old = sealer(&[1]).seal(HERE, &secret()).unwrap();
        let both = sealer(&[1, 2]);
        let new = both.rewrap(HERE, &old).unwrap();
        assert_eq!((version_of(&old), version_of(&new)), (Some(1), Some(2)));
        assert_eq!(sealer(&[2]).open(HERE, &new).unwrap().expose_secret(), secret().expose_secret());
        assert!(both.rewrap(Context { row: b"row-2", ..HERE }, &old).is_err());
        assert_eq!(version_of(&[0, 0, 1]), None);
    }

    #[test]
    fn a_ring_without_a_good_key_is_refused() {
        let entropy = || Arc::new(Counting(AtomicU8::new(0)));
        assert!(Sealer::new([], entropy()).is_err());
        assert!(Sealer::new([(0, SecretBytes::from(vec![0; 32]))], entropy()).is_err());
        assert!(Sealer::new([(1, SecretBytes::from(vec![0; 31]))], entropy()).is_err());
    }

    #[test]
    fn nothing_secret_is_printed() {
        assert_eq!(format!("{:?}", sealer(&[1])), "Sealer { current: 1, .. }");
    }
}
