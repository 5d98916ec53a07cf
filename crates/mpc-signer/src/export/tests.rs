use super::*;
use crate::domain::envelope::Protocol;
use crate::domain::keygen::Generated;
use crate::domain::{Attestation, KeyStatement, LocalNode, fixtures};
use kernel::secret::ExposeSecret;
use kernel::{Reason, WalletId};

struct World {
    group: Vec<LocalNode>,
    generated: Vec<Generated>,
    statement: KeyStatement,
    attestations: Vec<Attestation>,
    recipient: RecipientKey,
    address: String,
}

const DIGEST: [u8; 32] = [9; 32];

fn world() -> World {
    let group = fixtures::group(2, 3);
    let generated = fixtures::generate(&group, &fixtures::context(&group[0], Protocol::Keygen), 1);
    let statement = fixtures::statement_about(&group, &generated[0]);
    let attestations = group.iter().map(|node| node.attest(&statement)).collect();
    let recipient = RecipientKey::generate(&fixtures::entropy(20));
    let address = statement.key.address();
    World { group, generated, statement, attestations, recipient, address }
}

impl World {
    fn expected(&self) -> ExpectedExport<'_> {
        ExpectedExport {
            environment: self.statement.environment,
            user: self.statement.user,
            wallet: self.statement.wallet,
            generation: 1,
            operation_digest: DIGEST,
            address: &self.address,
        }
    }

    fn seal(&self, n: usize) -> SealedShare {
        self.seal_as(n, n, &DIGEST, &self.recipient.public())
    }

    fn seal_as(&self, node: usize, share: usize, digest: &[u8; 32], to: &[u8; 32]) -> SealedShare {
        let share = &self.generated[share].share;
        seal(&self.group[node], &self.statement, share, digest, to, &fixtures::entropy(30)).unwrap()
    }

    fn open(&self, boxes: &[SealedShare]) -> kernel::Result<ExportedKey> {
        self.open_expecting(&self.expected(), boxes)
    }

    fn open_expecting(
        &self,
        expected: &ExpectedExport<'_>,
        boxes: &[SealedShare],
    ) -> kernel::Result<ExportedKey> {
        let directory = self.group[0].directory();
        open(directory, expected, &self.recipient, &self.attestations, boxes, &fixtures::entropy(50))
    }
}

fn refusal(result: kernel::Result<ExportedKey>) -> (Reason, Option<String>) {
    let error = result.expect_err("a refusal");
    (error.reason(), error.metadata().get("node_id").cloned())
}

#[test]
fn any_quorum_makes_the_key_of_the_address() {
    let world = world();
    let mut scalars = Vec::new();
    for chosen in [&[0, 1][..], &[0, 2], &[2, 1], &[0, 1, 2]] {
        let boxes: Vec<_> = chosen.iter().map(|n| world.seal(*n)).collect();
        let key = world.open(&boxes).unwrap();
        assert_eq!(bs58::encode(key.public_key()).into_string(), world.address);
        let signature = ed25519_dalek::Signature::from_bytes(&key.sign(b"mine"));
        let public = ed25519_dalek::VerifyingKey::from_bytes(&key.public_key()).unwrap();
        public.verify_strict(b"mine", &signature).unwrap();
        scalars.push(key.expanded().expose_secret()[..32].to_vec());
    }
    scalars.dedup();
    assert_eq!(scalars.len(), 1);
}

#[test]
fn the_expanded_key_signs_by_itself_as_rfc_8032_says() {
    use curve25519_dalek::{EdwardsPoint, Scalar};
    use sha2::{Digest, Sha512};

    let world = world();
    let key = world.open(&[world.seal(0), world.seal(1)]).unwrap();
    let expanded = key.expanded();
    let (scalar, prefix) = expanded.expose_secret().split_at(32);
    let scalar = Scalar::from_canonical_bytes(scalar.try_into().unwrap()).unwrap();
    let hash = |parts: &[&[u8]]| {
        let digest = parts.iter().fold(Sha512::new(), |hash, part| hash.chain_update(part)).finalize();
        Scalar::from_bytes_mod_order_wide(&digest.into())
    };
    // Section 5.1.6, steps 2 to 6.
    let r = hash(&[prefix, b"by hand"]);
    let big_r = EdwardsPoint::mul_base(&r).compress();
    let k = hash(&[big_r.as_bytes(), &key.public_key(), b"by hand"]);
    let s = r + k * scalar;
    let signature = [big_r.to_bytes(), s.to_bytes()].concat();
    assert_eq!(signature, key.sign(b"by hand"));
    assert!(world.statement.key.verifies(b"by hand", &signature.try_into().unwrap()));
}

#[test]
fn one_box_or_one_twice_is_not_enough() {
    let world = world();
    assert_eq!(refusal(world.open(&[])).0, Reason::ProtocolFailed);
    assert_eq!(refusal(world.open(&[world.seal(0)])).0, Reason::ProtocolFailed);
    assert_eq!(refusal(world.open(&[world.seal(0), world.seal(0)])).0, Reason::ProtocolFailed);
}

#[test]
fn a_box_for_another_operation_or_another_person_does_not_open() {
    let world = world();
    let other_operation = world.seal_as(0, 0, &[8; 32], &world.recipient.public());
    assert_eq!(refusal(world.open(&[other_operation, world.seal(1)])).0, Reason::EnvelopeInvalid);
    let stranger = RecipientKey::generate(&fixtures::entropy(21));
    let other_person = world.seal_as(0, 0, &DIGEST, &stranger.public());
    let expected = (Reason::EnvelopeInvalid, Some("node-1".to_owned()));
    assert_eq!(refusal(world.open(&[other_person, world.seal(1)])), expected);
}

#[test]
fn a_node_that_gives_another_share_is_named() {
    let world = world();
    let wrong = world.seal_as(0, 2, &DIGEST, &world.recipient.public());
    let expected = (Reason::ProtocolFailed, Some("node-1".to_owned()));
    assert_eq!(refusal(world.open(&[wrong, world.seal(1)])), expected);
}

#[test]
fn no_octet_of_a_box_can_be_altered() {
    let world = world();
    let good = world.seal(0);
    let check = |alter: &dyn Fn(&mut SealedShare)| {
        let mut altered = good.clone();
        alter(&mut altered);
        assert_eq!(refusal(world.open(&[altered, world.seal(1)])).0, Reason::EnvelopeInvalid);
    };
    for at in 0..32 {
        check(&|sealed| sealed.encapsulated_key[at] ^= 1);
    }
    for at in 0..good.ciphertext.len() {
        check(&|sealed| sealed.ciphertext[at] ^= 0x80);
    }
    for at in 0..64 {
        check(&|sealed| sealed.signature[at] ^= 4);
    }
    check(&|sealed| sealed.node = "node-3".parse().unwrap());
    check(&|sealed| sealed.node = "node-9".parse().unwrap());
}

#[test]
fn another_wallet_than_the_one_asked_for_is_refused() {
    let world = world();
    let boxes = [world.seal(0), world.seal(1)];
    let changes: [fn(&mut ExpectedExport<'_>); 5] = [
        |expected| expected.environment = kernel::EnvironmentId::random(&fixtures::entropy(1)),
        |expected| expected.user = kernel::UserId::random(&fixtures::entropy(1)),
        |expected| expected.wallet = WalletId::random(&fixtures::entropy(1)),
        |expected| expected.generation = 2,
        |expected| expected.address = "11111111111111111111111111111111",
    ];
    for change in changes {
        let mut expected = world.expected();
        change(&mut expected);
        assert_eq!(refusal(world.open_expecting(&expected, &boxes)).0, Reason::ProtocolFailed);
    }
}

#[test]
fn an_export_without_the_word_of_all_nodes_is_refused() {
    let mut world = world();
    world.attestations.pop();
    let boxes = [world.seal(0), world.seal(1)];
    assert_eq!(refusal(world.open(&boxes)).0, Reason::EnvelopeInvalid);
}

#[test]
fn neither_key_is_printed() {
    let world = world();
    let key = world.open(&[world.seal(0), world.seal(1)]).unwrap();
    assert_eq!(format!("{:?}", world.recipient), "RecipientKey { .. }");
    let scalar = format!("{:?}", &key.expanded().expose_secret()[..4]);
    assert!(!format!("{key:?}").contains(scalar.trim_matches(['[', ']'])));
}
