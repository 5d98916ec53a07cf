//! A token that was changed anywhere is refused.

use proptest::prelude::*;

use super::support::*;
use crate::{Algorithm, ClaimMap, KeySet, Kind, verify};

fn accepted(token: &str, keys: &KeySet) -> bool {
    verify::<ClaimMap>(token, keys, &expect(Kind::Receipt), now()).is_ok()
}

#[test]
fn every_flipped_bit_is_noticed() {
    for algorithm in Algorithm::ALL {
        let keys = set(&[key(algorithm)]);
        let good = token(Kind::Receipt, &good_claims(), key(algorithm));
        assert!(accepted(&good, &keys));
        for place in 0..good.len() {
            for bit in 0..7 {
                let mut bytes = good.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).unwrap();
                assert!(!accepted(&flipped, &keys), "{algorithm}: bit {bit} of character {place}");
            }
        }
    }
}

proptest! {
    #[test]
    fn every_replaced_character_is_noticed(
        algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
        place in any::<prop::sample::Index>(),
        character in prop_oneof!["[A-Za-z0-9_.-]", any::<char>().prop_map(String::from)],
    ) {
        let keys = set(&[key(algorithm)]);
        let good = token(Kind::Receipt, &good_claims(), key(algorithm));
        let place = place.index(good.len());
        prop_assume!(good[place..=place] != character);
        let changed = format!("{}{character}{}", &good[..place], &good[place + 1..]);
        prop_assert!(!accepted(&changed, &keys));
    }

    #[test]
    fn every_removed_or_added_piece_is_noticed(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        added in "[A-Za-z0-9_.=-]{0,4}",
    ) {
        let keys = set(&[es256()]);
        let good = token(Kind::Receipt, &good_claims(), es256());
        let (from, to) = (from.index(good.len()), to.index(good.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let changed = format!("{}{added}{}", &good[..from], &good[to..]);
        prop_assert_eq!(accepted(&changed, &keys), changed == good);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_=-]{0,40}", 0..5)) {
        let keys = set(&[es256()]);
        prop_assert!(!accepted(&text, &keys));
        prop_assert!(!accepted(&parts.join("."), &keys));
        prop_assert!(crate::peek(&text).is_err());
        prop_assert!(crate::KeySet::from_jwks_json(&text, &Algorithm::ALL).is_err());
    }

    #[test]
    fn parts_of_two_tokens_do_not_mix(mix in prop::collection::vec(any::<bool>(), 3)) {
        let keys = set(&[es256()]);
        let one = token(Kind::Receipt, &good_claims(), es256());
        let two = token(Kind::Receipt, &with("sub", serde_json::json!("mallory")), es256());
        let mixed: Vec<_> = one
            .split('.')
            .zip(two.split('.'))
            .zip(&mix)
            .map(|((one, two), first)| if *first { one } else { two })
            .collect();
        // The headers are equal, so a token is whole exactly when payload and signature come together.
        prop_assert_eq!(accepted(&mixed.join("."), &keys), mix[1] == mix[2]);
    }
}
