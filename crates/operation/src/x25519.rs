//! Which 32 octets are fit to be somebody's X25519 public key.

/// The little-endian octets of 2^255 - 19, the prime of RFC 7748 section 4.1.
const PRIME: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// The u-coordinates below the prime whose points, on the curve or on its twist, have an order that divides 8.
/// Every private key takes them to zero, so what is sealed to one is sealed to everybody. The values are those
/// of <https://cr.yp.to/ecdh.html#validate>, less the ones that are not canonical.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = PRIME;
        minus_one[0] -= 1;
        minus_one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
        0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
        0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
];

/// Why a key is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// The number is 2^255 - 19 or more, or the unused highest bit is set. RFC 7748 section 5 has X25519 read
    /// such octets as another key's; here one key must have one spelling, or it would have several digests.
    NotCanonical,
    /// RFC 7748 sections 6.1 and 7: the shared secret would be zero whatever the private key.
    SmallOrder,
}

/// Whether these octets are a key to seal something to.
pub(crate) fn check(key: &[u8; 32]) -> Result<(), Unfit> {
    // Little-endian, so the most significant octets come last.
    if key.iter().rev().ge(PRIME.iter().rev()) {
        return Err(Unfit::NotCanonical);
    }
    if SMALL_ORDER.contains(key) {
        return Err(Unfit::SmallOrder);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
    use data_encoding::HEXLOWER;

    fn private(seed: u8) -> PrivateKey {
        PrivateKey::from_private_key(&X25519, &[seed; 32]).unwrap()
    }

    /// Whether another implementation agrees on a secret with this key.
    fn aws_lc_agrees(key: &[u8; 32]) -> bool {
        agree(&private(7), UnparsedPublicKey::new(&X25519, key), (), |_| Ok(())).is_ok()
    }

    fn key(hex: &str) -> [u8; 32] {
        HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    #[test]
    fn every_point_of_small_order_is_refused_and_useless_to_another_implementation() {
        for point in SMALL_ORDER {
            assert_eq!(check(&point), Err(Unfit::SmallOrder), "{point:x?}");
            assert!(!aws_lc_agrees(&point), "{point:x?}");
        }
    }

    #[test]
    fn keys_of_rfc_7748_section_6_1_are_taken() {
        for hex in [
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        ] {
            assert_eq!(check(&key(hex)), Ok(()), "{hex}");
            assert!(aws_lc_agrees(&key(hex)), "{hex}");
        }
    }

    #[test]
    fn a_number_is_taken_up_to_the_prime_and_not_from_there() {
        let mut two_below = PRIME;
        two_below[0] -= 2;
        assert_eq!(check(&two_below), Ok(()));
        assert_eq!(check(&PRIME), Err(Unfit::NotCanonical));
        let mut nine_with_high_bit = [0; 32];
        nine_with_high_bit[0] = 9;
        assert_eq!(check(&nine_with_high_bit), Ok(()));
        nine_with_high_bit[31] = 0x80;
        assert_eq!(check(&nine_with_high_bit), Err(Unfit::NotCanonical));
        assert_eq!(check(&[0xff; 32]), Err(Unfit::NotCanonical));
        // Below the prime in the lowest octet only.
        let mut just_above = PRIME;
        just_above[0] += 1;
        assert_eq!(check(&just_above), Err(Unfit::NotCanonical));
    }

    #[test]
    fn public_keys_of_another_implementation_are_taken() {
        for seed in 0..=u8::MAX {
            let public = private(seed).compute_public_key().unwrap();
            assert_eq!(check(public.as_ref().try_into().unwrap()), Ok(()), "{seed}");
        }
    }
}
