//! Recovery codes: look-up secrets (NIST SP 800-63B-4 section 3.1.2) for who lost every other factor.
//!
//! A code is 120 random bits in base32 (RFC 4648 section 6): 24 characters without padding, shown in groups of four. That
//! alphabet has no 0, 1, 8 and 9, so none of its characters is taken for another of them, and each spelling stands for
//! one code. With 112 bits or more a plain hash is enough at rest (OWASP ASVS 5.0, 6.5.2): nobody tries that many.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use data_encoding::BASE32_NOPAD;
use kernel::secret::ExposeSecret;
use kernel::{DeviceId, Entropy, RequestId, SecretBytes, SecretText};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::proof::AnswerMac;

/// How many codes a set has.
pub(crate) const COUNT: usize = 10;

/// The octets of a code.
pub(crate) const LENGTH: usize = 15;

/// The characters of a code: five bits each.
const CHARACTERS: usize = LENGTH * 8 / 5;

/// The characters of a group.
const GROUP: usize = 4;

/// More characters than anybody types into the field, spaces and hyphens and all.
const MAX_TYPED: usize = 64;

/// A code.
pub(crate) struct RecoveryCode(Zeroizing<[u8; LENGTH]>);

impl RecoveryCode {
    /// A fresh one.
    fn random(entropy: &dyn Entropy) -> Self {
        let mut octets = Zeroizing::new([0; LENGTH]);
        entropy.fill(octets.as_mut_slice());
        Self(octets)
    }

    /// Takes ASCII spaces and hyphens out, in whatever case, and wants exactly 24 characters of base32 then. Everything
    /// else is `None`: other digits, padding, other white space. Such input cannot be a guess, so it costs no try.
    pub(crate) fn parse(typed: &SecretText) -> Option<Self> {
        let typed = typed.expose_secret();
        if typed.len() > MAX_TYPED {
            return None;
        }
        let mut characters = Zeroizing::new(typed.replace([' ', '-'], ""));
        characters.make_ascii_uppercase();
        if characters.len() != CHARACTERS {
            return None;
        }
        let octets = Zeroizing::new(BASE32_NOPAD.decode(characters.as_bytes()).ok()?);
        octets.as_slice().try_into().ok().map(|octets| Self(Zeroizing::new(octets)))
    }

    /// As it is shown.
    pub(crate) fn text(&self) -> SecretText {
        let characters = Zeroizing::new(BASE32_NOPAD.encode(self.0.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / GROUP));
        for (place, character) in characters.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(character);
        }
        SecretText::from(text.as_str())
    }

    /// What is kept of it. Every part but the first has a fixed length, so that no two inputs share an encoding; a code
    /// of one set is another thing in any other.
    pub(crate) fn hash(&self, set: DeviceId) -> CodeHash {
        let mut hash = Sha256::new();
        hash.update(b"countersign/recovery-code/v1");
        hash.update(set.uuid().as_bytes());
        hash.update(self.0.as_slice());
        CodeHash(hash.finalize().into())
    }

    /// What is kept of it under a request id, to know it again. A plain digest does not tell 120 random bits.
    pub(crate) fn answer(&self, set: DeviceId, request: RequestId) -> AnswerMac {
        let mut hash = Sha256::new();
        hash.update(b"countersign/recovery-answer/v1");
        hash.update(set.uuid().as_bytes());
        hash.update(request.uuid().as_bytes());
        hash.update(self.0.as_slice());
        AnswerMac(hash.finalize().into())
    }

    /// Whether the answer on record is the one of this code. Takes the same time wherever they differ.
    pub(crate) fn is_answer(&self, answer: AnswerMac, set: DeviceId, request: RequestId) -> bool {
        verify_slices_are_equal(&answer.0, &self.answer(set, request).0).is_ok()
    }
}

/// SHA-256 of a code and the set that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeHash(pub(crate) [u8; 32]);

impl CodeHash {
    /// The same, in a time that does not depend on where they differ.
    pub(crate) fn is(self, other: Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// The codes of a set, in the order in which they are shown.
pub(crate) struct RecoveryCodes(Box<[RecoveryCode; COUNT]>);

impl fmt::Debug for RecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecoveryCodes").finish_non_exhaustive()
    }
}

impl RecoveryCodes {
    /// Fresh ones.
    pub(crate) fn random(entropy: &dyn Entropy) -> Self {
        Self(Box::new(std::array::from_fn(|_| RecoveryCode::random(entropy))))
    }

    /// From what was sealed. `None` when it has another length.
    pub(crate) fn from_octets(octets: &SecretBytes) -> Option<Self> {
        let octets = octets.expose_secret();
        if octets.len() != COUNT * LENGTH {
            return None;
        }
        let mut codes: Box<[_; COUNT]> =
            Box::new(std::array::from_fn(|_| RecoveryCode(Zeroizing::new([0; LENGTH]))));
        for (code, octets) in codes.iter_mut().zip(octets.chunks_exact(LENGTH)) {
            code.0.copy_from_slice(octets);
        }
        Some(Self(codes))
    }

    /// The octets of all, one after the other, to be sealed.
    pub(crate) fn octets(&self) -> SecretBytes {
        let octets: Vec<u8> = self.0.iter().flat_map(|code| code.0.iter().copied()).collect();
        SecretBytes::from(octets)
    }

    /// What is kept of them.
    pub(crate) fn hashes(&self, set: DeviceId) -> [CodeHash; COUNT] {
        std::array::from_fn(|place| self.0[place].hash(set))
    }

    /// As they are shown.
    pub(crate) fn texts(&self) -> Vec<SecretText> {
        self.0.iter().map(RecoveryCode::text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ENTROPY, request, verified};

    fn parse(typed: &str) -> Option<String> {
        let code = RecoveryCode::parse(&SecretText::from(typed))?;
        Some(code.text().expose_secret().to_owned())
    }

    const TEXT: &str = "MFRG-GZDF-MZTW-Q2LK-NNWG-23TP";

    #[test]
    fn a_code_is_shown_in_groups_of_four_and_has_at_least_112_bits() {
        // RFC 4648 has no vector of 15 octets; this one is coreutils' `printf abcdefghijklmno | base32`.
        let code = RecoveryCode(Zeroizing::new(*b"abcdefghijklmno"));
        assert_eq!(code.text().expose_secret(), TEXT);
        const { assert!(LENGTH * 8 >= 112) };
    }

    #[test]
    fn case_spaces_and_hyphens_do_not_matter() {
        let lower = TEXT.to_lowercase();
        let (plain, spaced) = (TEXT.replace('-', ""), TEXT.replace('-', " "));
        let odd = format!("  {}-", lower.replace('-', " - "));
        for typed in [TEXT, &lower, &plain, &spaced, &odd] {
            assert_eq!(parse(typed).as_deref(), Some(TEXT), "{typed:?}");
        }
    }

    #[test]
    fn everything_but_24_characters_of_base32_is_not_a_code() {
        let long = format!("{TEXT}{}", " ".repeat(MAX_TYPED));
        for typed in [
            "",
            "-",
            "123456",
            "MFRG-GZDF-MZTW-Q2LK-NNWG-23T",
            "MFRG-GZDF-MZTW-Q2LK-NNWG-23TPA",
            // None of these is silently taken for the letter it looks like.
            "MFRG-GZDF-MZTW-Q2LK-NNWG-231P",
            "MFRG-GZDF-MZTW-Q2LK-NNWG-230P",
            "MFRG-GZDF-MZTW-Q2LK-NNWG-238P",
            "MFRG-GZDF-MZTW-Q2LK-NNWG-23T=",
            "MFRG-GZDF-MZTW-Q2LK-NNWG-23TP\n",
            "MFRG\u{a0}GZDF-MZTW-Q2LK-NNWG-23TP",
            "\u{ff2d}FRG-GZDF-MZTW-Q2LK-NNWG-23TP",
            "MFRG_GZDF_MZTW_Q2LK_NNWG_23TP",
            &long,
        ] {
            assert_eq!(parse(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn a_hash_is_of_one_code_in_one_set_for_one_use() {
        let codes = RecoveryCodes::random(&*ENTROPY);
        let (set, other) = (verified(crate::fixtures::NOW).id, verified(crate::fixtures::NOW).id);
        let mut all: Vec<_> = codes.hashes(set).into_iter().chain(codes.hashes(other)).map(|h| h.0).collect();
        all.push(codes.0[0].answer(set, request()).0);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 2 * COUNT + 1);
        assert!(codes.0[0].hash(set).is(codes.hashes(set)[0]));
        assert!(!codes.0[0].hash(set).is(codes.hashes(set)[1]));
    }

    #[test]
    fn a_code_is_known_again_under_its_request_only() {
        let codes = RecoveryCodes::random(&*ENTROPY);
        let (first, second) = (&codes.0[0], &codes.0[1]);
        let (set, asked) = (verified(crate::fixtures::NOW).id, request());
        let answer = first.answer(set, asked);
        assert!(first.is_answer(answer, set, asked));
        assert!(!second.is_answer(answer, set, asked));
        assert!(!first.is_answer(answer, set, request()));
    }

    #[test]
    fn codes_come_back_from_their_octets_and_nothing_else_does() {
        let codes = RecoveryCodes::random(&*ENTROPY);
        let again = RecoveryCodes::from_octets(&codes.octets()).unwrap();
        let shown = |codes: &RecoveryCodes| -> Vec<_> {
            codes.texts().iter().map(|text| text.expose_secret().to_owned()).collect()
        };
        assert_eq!(shown(&again), shown(&codes));
        assert!(RecoveryCodes::from_octets(&SecretBytes::from(vec![0; COUNT * LENGTH - 1])).is_none());
    }
}
