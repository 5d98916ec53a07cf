//! Two operations with one digest would be one proof for two things.

use super::*;
use crate::Digest;
use crate::encoding::{DOMAIN, Tag};

fn digest(operation: &Operation) -> Digest {
    operation.clone().check().unwrap().digest()
}

/// The fields of an encoding, read by the rules of the specification. None if they are not all kept.
fn fields(mut rest: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
        let (head, tail) = rest.split_at_checked(length)?;
        *rest = tail;
        Some(head)
    }
    fn length(rest: &mut &[u8]) -> Option<usize> {
        Some(u32::from_be_bytes(take(rest, 4)?.try_into().ok()?) as usize)
    }
    let domain = length(&mut rest)?;
    if take(&mut rest, domain)? != DOMAIN.as_bytes() {
        return None;
    }
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = u16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        let length = length(&mut rest)?;
        fields.push((tag, take(&mut rest, length)?.to_vec()));
    }
    fields.is_sorted_by(|a, b| a.0 < b.0).then_some(fields)
}

#[test]
fn every_single_field_changes_the_digest() {
    let mut digests = Vec::new();
    for body in bodies() {
        let base = operation(body);
        digests.push(digest(&base));
        digests.push(digest(&Operation { environment: EnvironmentId::from_uuid(id(9)), ..base.clone() }));
        digests.push(digest(&Operation { user: UserId::from_uuid(id(9)), ..base.clone() }));
        digests.push(digest(&Operation { id: OperationId::from_uuid(id(9)), ..base }));
    }
    let other_wallet = WalletRef { id: WalletId::from_uuid(id(9)), ..wallet() };
    let other_generation = WalletRef { share_generation: 2, ..wallet() };
    let mut other_key = ALICE;
    other_key[0] ^= 1;
    for body in [
        Body::SignMessage { wallet: other_wallet, message: b"gm".to_vec() },
        Body::SignMessage { wallet: other_generation, message: b"gm".to_vec() },
        sign("gm "),
        sign("GM"),
        Body::ExportWallet { wallet: other_wallet, recipient_public_key: ALICE },
        Body::ExportWallet { wallet: other_generation, recipient_public_key: ALICE },
        export(other_key),
        Body::UnlinkCredential { device: DeviceId::from_uuid(id(9)) },
    ] {
        digests.push(digest(&operation(body)));
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn the_same_id_in_another_role_is_another_operation() {
    let base = operation(sign("gm"));
    let swapped = Operation {
        environment: EnvironmentId::from_uuid(base.user.uuid()),
        user: UserId::from_uuid(base.environment.uuid()),
        ..base.clone()
    };
    assert_ne!(digest(&base), digest(&swapped));
}

#[test]
fn a_message_that_looks_like_fields_stays_a_message() {
    // Ends with what would be the tag, length and value of further fields, were lengths not counted.
    let inner = operation(export(ALICE)).check().unwrap().encoding();
    let checked = operation(sign(inner.clone())).check().unwrap();
    let read = fields(&checked.encoding()).unwrap();
    assert!(read.contains(&(Tag::Message as u16, inner)));
    assert!(!read.iter().any(|(tag, _)| *tag == Tag::RecipientPublicKey as u16));
}

proptest! {
    #[test]
    fn different_operations_have_different_digests(a in any_checked(), b in any_checked()) {
        prop_assert_eq!(a.operation() == b.operation(), a.digest() == b.digest());
        prop_assert_eq!(a.operation() == b.operation(), a.encoding() == b.encoding());
    }

    #[test]
    fn the_encoding_keeps_its_own_rules(checked in any_checked()) {
        let read = fields(&checked.encoding());
        prop_assert!(read.is_some());
        for (tag, value) in read.unwrap_or_default() {
            prop_assert!(Tag::ALL.iter().any(|(_, number, _)| *number == tag), "tag {}", tag);
            prop_assert!(!value.is_empty(), "tag {}", tag);
        }
        prop_assert_eq!(Digest::of(&checked.encoding()), checked.digest());
    }

    #[test]
    fn flipping_any_bit_of_a_message_changes_the_digest(
        message in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let base = operation(sign(message.clone())).check().unwrap().digest();
        for at in 0..message.len() * 8 {
            let mut other = message.clone();
            other[at / 8] ^= 1 << (at % 8);
            prop_assert_ne!(operation(sign(other)).check().unwrap().digest(), base);
        }
    }

    #[test]
    fn flipping_any_bit_of_a_recipients_key_changes_the_digest_or_is_refused(key in any::<[u8; 32]>()) {
        let mut key = key;
        key[31] &= 0x7f;
        if let Ok(base) = operation(export(key)).check() {
            for at in 0..256 {
                let mut other = key;
                other[at / 8] ^= 1 << (at % 8);
                if let Ok(other) = operation(export(other)).check() {
                    prop_assert_ne!(other.digest(), base.digest());
                }
            }
        }
    }

    #[test]
    fn a_digest_round_trips(bytes in any::<[u8; 32]>()) {
        let digest = Digest::from_bytes(bytes);
        prop_assert_eq!(digest.to_string().parse(), Ok(digest));
        prop_assert_eq!(digest.as_bytes(), &bytes);
    }

    #[test]
    fn text_that_parses_as_a_digest_is_how_the_digest_prints(text in "[A-Za-z0-9_-]{43}") {
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), text);
        }
    }
}
