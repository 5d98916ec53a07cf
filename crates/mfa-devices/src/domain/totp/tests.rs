use super::*;
use std::time::Duration;

use crate::domain::totp::TotpAlgorithm::{Sha1, Sha256, Sha512};

/// RFC 6238 appendix B: time, and the codes of SHA-1, SHA-256 and SHA-512.
const VECTORS: [(u64, [&str; 3]); 6] = [
    (59, ["94287082", "46119246", "90693936"]),
    (1_111_111_109, ["07081804", "68084774", "25091201"]),
    (1_111_111_111, ["14050471", "67062674", "99943326"]),
    (1_234_567_890, ["89005924", "91819424", "93441116"]),
    (2_000_000_000, ["69279037", "90698825", "38618901"]),
    (20_000_000_000, ["65353130", "77737706", "47863826"]),
];
/// The seeds of appendix A are this text, repeated to the length of the hash (erratum 2866).
const SEED: &str = "1234567890";
const STEP: u64 = 30;

fn with(algorithm: TotpAlgorithm, digits: u32, period: u32) -> Seed {
    let parameters = TotpParameters::new(algorithm, digits, period).unwrap();
    let octets: Vec<u8> = SEED.bytes().cycle().take(algorithm.seed_length()).collect();
    Seed::from_octets(SecretBytes::from(octets), parameters).unwrap()
}

fn seed() -> Seed {
    with(Sha1, 6, 30)
}

fn code(digits: &str) -> Code {
    Code::parse(&SecretText::from(digits)).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(seconds).unwrap())
}

#[test]
fn rfc_6238_appendix_b_passes_with_every_hash() {
    for (seconds, codes) in VECTORS {
        for (algorithm, expected) in [Sha1, Sha256, Sha512].into_iter().zip(codes) {
            let seed = with(algorithm, 8, 30);
            assert_eq!(seed.generator().unwrap().generate(seconds).to_string(), expected, "{algorithm:?}");
            assert_eq!(seed.check(&code(expected), at(seconds)).unwrap(), Some(Step(seconds / STEP)));
        }
    }
}

#[test]
fn codes_of_appendix_b_with_fewer_digits_are_accepted_and_name_their_step() {
    // Fewer digits are the last ones of eight: RFC 4226 section 5.3 takes the same number modulo 10^digits.
    for (seconds, codes) in VECTORS {
        for (algorithm, eight) in [Sha1, Sha256, Sha512].into_iter().zip(codes) {
            for digits in [6, 7, 8] {
                let found = |shown: usize| {
                    with(algorithm, digits, 30).check(&code(&eight[8 - shown..]), at(seconds)).unwrap()
                };
                let fits = usize::try_from(digits).unwrap();
                assert_eq!(found(fits), Some(Step(seconds / STEP)));
                for other in [6, 7, 8].into_iter().filter(|other| *other != fits) {
                    assert_eq!(found(other), None, "a code of {digits} digits has as many");
                }
            }
        }
    }
}

#[test]
fn one_step_of_drift_each_way_and_no_more_whatever_its_length() {
    for period in [15_u32, 30, 60] {
        let seed = with(Sha1, 6, period);
        let step = Step(VECTORS[3].0 / u64::from(period));
        let first_second = at(step.0 * u64::from(period));
        let shown = seed.generator().unwrap().generate(step.0 * u64::from(period)).to_string();
        let drift = Duration::from_secs(period.into());
        let accepted = |time: Timestamp| seed.check(&code(&shown), time).unwrap();
        assert_eq!(accepted(first_second.minus(drift)), Some(step));
        assert_eq!(accepted(first_second.minus(drift + Duration::from_millis(1))), None);
        let last = first_second.plus(2 * drift).minus(Duration::from_millis(1));
        assert_eq!(accepted(last), Some(step));
        assert_eq!(accepted(first_second.plus(2 * drift)), None);
    }
}

#[test]
fn a_time_before_the_epoch_is_refused() {
    assert!(seed().check(&code("123456"), Timestamp::from_millis(-1)).is_err());
}

#[test]
fn the_key_uri_names_issuer_account_and_seed() {
    let uri = seed().uri(&Label::new("Acme & Söhne").unwrap(), "0b5f4a3e").unwrap();
    assert_eq!(
        uri.expose_secret(),
        "otpauth://totp/Acme%20%26%20S%C3%B6hne:0b5f4a3e?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=Acme%20%26%20S%C3%B6hne"
    );
    assert!(uri.expose_secret().contains(seed().base32().expose_secret()));
}

#[test]
fn the_key_uri_carries_what_is_not_the_default() {
    for (algorithm, digits, period) in [(Sha256, 8, 60), (Sha512, 7, 15), (Sha1, 6, 30), (Sha1, 8, 30)] {
        let seed = with(algorithm, digits, period);
        let uri = seed.uri(&Label::new("Acme").unwrap(), "0b5f4a3e").unwrap();
        let shown: std::collections::BTreeMap<_, _> = uri
            .expose_secret()
            .split_once('?')
            .unwrap()
            .1
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .collect();
        let expect = |key: &str, value: &str, default: &str| {
            assert_eq!(shown.get(key).copied(), (value != default).then_some(value), "{key}");
        };
        expect("algorithm", algorithm.as_str(), "SHA1");
        expect("digits", &digits.to_string(), "6");
        expect("period", &period.to_string(), "30");
        assert_eq!(shown["secret"], seed.base32().expose_secret());
    }
}

#[test]
fn a_code_is_known_again_under_its_seed_and_request_only() {
    let (request, other) = (crate::fixtures::request(), crate::fixtures::request());
    let mac = seed().mac(request, &code("123456")).unwrap();
    assert!(seed().is_mac(mac, request, &code("123 456")), "one code in two spellings");
    assert!(!seed().is_mac(mac, request, &code("123457")));
    assert!(!seed().is_mac(mac, other, &code("123456")));
    let stranger = Seed::from_octets(SecretBytes::from(vec![1; 20]), TotpParameters::DEFAULT).unwrap();
    assert!(!stranger.is_mac(mac, request, &code("123456")));
    let other = AnswerMac(mac.0.map(|octet| octet ^ 1));
    assert!(!seed().is_mac(other, request, &code("123456")));
}

#[test]
fn a_seed_does_not_print_and_has_its_length() {
    assert!(!format!("{:?}", seed()).contains("49, 50"));
    for (algorithm, length) in [(Sha1, 20), (Sha256, 32), (Sha512, 64)] {
        let parameters = TotpParameters::new(algorithm, 6, 30).unwrap();
        for wrong in [length - 1, length + 1, 0] {
            assert!(Seed::from_octets(SecretBytes::from(vec![1; wrong]), parameters).is_none());
        }
        let fresh = Seed::random(&*crate::fixtures::ENTROPY, parameters);
        assert_eq!(fresh.octets().expose_secret().len(), length);
    }
}
