//! The vectors that other languages run, and the table that they implement.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::*;
use crate::OperationKind;
use crate::encoding::{DOMAIN, Tag};

const VECTORS: &str = include_str!("../../../../docs/vectors/operation-digest.json");
const SPECIFICATION: &str = include_str!("../../../../docs/operation-digest.md");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    domain: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    description: String,
    operation: VectorOperation,
    /// Left out where it would be very long; the digest says the same.
    encoding: Option<String>,
    digest: String,
}

#[derive(Deserialize)]
struct VectorOperation {
    environment: String,
    user: String,
    id: String,
    #[serde(flatten)]
    body: VectorBody,
}

#[derive(Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
enum VectorBody {
    #[serde(rename = "wallet.create")]
    WalletCreate { key_type: String },
    #[serde(rename = "sign.message")]
    SignMessage { wallet: VectorWallet, message: VectorMessage },
    #[serde(rename = "wallet.export")]
    WalletExport { wallet: VectorWallet, recipient_public_key: String },
    #[serde(rename = "credential.link")]
    CredentialLink { factor: String },
    #[serde(rename = "credential.unlink")]
    CredentialUnlink { device: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorWallet {
    id: String,
    share_generation: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VectorMessage {
    hex: String,
    times: Option<usize>,
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn wallet_of(wallet: &VectorWallet) -> WalletRef {
    WalletRef { id: wallet.id.parse().unwrap(), share_generation: wallet.share_generation }
}

fn operation_of(vector: &VectorOperation) -> Operation {
    let body = match &vector.body {
        VectorBody::WalletCreate { key_type } => Body::CreateWallet { key_type: key_type.parse().unwrap() },
        VectorBody::SignMessage { wallet, message } => Body::SignMessage {
            wallet: wallet_of(wallet),
            message: hex(&message.hex).repeat(message.times.unwrap_or(1)),
        },
        VectorBody::WalletExport { wallet, recipient_public_key } => Body::ExportWallet {
            wallet: wallet_of(wallet),
            recipient_public_key: hex(recipient_public_key).try_into().unwrap(),
        },
        VectorBody::CredentialLink { factor } => Body::LinkCredential { factor: factor.parse().unwrap() },
        VectorBody::CredentialUnlink { device } => Body::UnlinkCredential { device: device.parse().unwrap() },
    };
    Operation {
        environment: vector.environment.parse().unwrap(),
        user: vector.user.parse().unwrap(),
        id: vector.id.parse().unwrap(),
        body,
    }
}

#[test]
fn every_vector_is_recomputed_and_every_kind_has_one() {
    let file: File = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(file.domain, DOMAIN);
    let mut kinds = BTreeSet::new();
    let mut digests = BTreeSet::new();
    let mut factors = BTreeSet::new();
    for vector in &file.vectors {
        let checked = operation_of(&vector.operation).check().expect(&vector.description);
        let encoding = checked.encoding();
        match &vector.encoding {
            Some(expected) => assert_eq!(&HEXLOWER.encode(&encoding), expected, "{}", vector.description),
            None => assert!(encoding.len() > 4_096, "{} has no encoding", vector.description),
        }
        assert_eq!(checked.digest().to_string(), vector.digest, "{}", vector.description);
        kinds.insert(checked.kind());
        if let Body::LinkCredential { factor } = checked.operation().body {
            factors.insert(factor);
        }
        assert!(digests.insert(checked.digest()), "{} is there twice", vector.description);
    }
    assert_eq!(kinds, OperationKind::ALL.into_iter().collect());
    assert_eq!(factors, FactorKind::ALL.into_iter().collect());
}

#[test]
fn the_table_of_the_specification_has_exactly_these_tags() {
    let mut table = BTreeMap::new();
    for row in SPECIFICATION.lines().filter(|line| line.starts_with("| `0x")) {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let number = u16::from_str_radix(cells[1].trim_start_matches("0x"), 16).unwrap();
        assert_eq!(table.insert(number, cells[2].to_owned()), None, "{row}");
    }
    let tags: BTreeMap<_, _> =
        Tag::ALL.iter().map(|(tag, number, name)| (*number, (*tag as u16, *name))).collect();
    assert!(tags.iter().all(|(number, (tag, _))| number == tag));
    let names = tags.into_iter().map(|(number, (_, name))| (number, name.to_owned()));
    assert_eq!(table, names.collect());
    assert!(SPECIFICATION.contains(DOMAIN));
    for factor in FactorKind::ALL {
        let row = SPECIFICATION.lines().find(|line| line.starts_with("| `0x0104`")).unwrap();
        assert!(row.contains(&format!("`{factor}`")), "{factor}");
    }
    for kind in OperationKind::ALL {
        assert!(SPECIFICATION.contains(&format!("| `{kind}` | `{}` |", kind.action())), "{kind}");
    }
}
