//! Between the protocol's types and ours.

use attestation::{Attestation, SealedShare};
use proto::convert::{key_type_value, timestamp};
use proto::names;
use proto::waas_gateway as pb;
use runtime::UserCall;

use crate::caller::Caller;
use crate::domain::wallet::Wallet;

/// The caller, as the use cases know it.
pub(super) fn caller(call: UserCall) -> Caller {
    Caller { environment: call.environment, user: call.user, bearer: call.bearer, trail: call.trail }
}

/// A wallet. What is said of its key is empty until every node has it in use.
pub(super) fn wallet(wallet: &Wallet) -> pb::Wallet {
    let key = wallet.key();
    let state = match key {
        None => pb::WalletState::Creating,
        Some(_) => pb::WalletState::Active,
    };
    let path = wallet.path;
    pb::Wallet {
        name: names::wallet(path.environment, path.user, path.wallet),
        key_type: key_type_value(wallet.key_type).into(),
        address: key.map(|key| key.statement().key.address()).unwrap_or_default(),
        public_key: key.map(|key| key.statement().key.public_key.to_vec()).unwrap_or_default(),
        share_generation: wallet.share_generation(),
        threshold: wallet.threshold.into(),
        nodes: wallet.nodes.into(),
        state: state.into(),
        create_time: Some(timestamp(wallet.created)),
        attestations: key.map(|key| key.attestations().iter().map(attestation).collect()).unwrap_or_default(),
    }
}

fn attestation(attestation: &Attestation) -> pb::NodeAttestation {
    pb::NodeAttestation {
        node_id: attestation.node.to_string(),
        statement: attestation.statement.clone(),
        signature: attestation.signature.to_vec(),
    }
}

/// A sealed share.
pub(super) fn sealed_share(share: SealedShare) -> pb::SealedShare {
    pb::SealedShare {
        node_id: share.node.to_string(),
        encapsulated_key: share.encapsulated_key.to_vec(),
        ciphertext: share.ciphertext,
        signature: share.signature.to_vec(),
    }
}
