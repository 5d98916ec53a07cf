//! A wallet and how far it has come.

use attestation::NodeDirectory;
use kernel::{EnvironmentId, Error, Reason, Result, Timestamp, UserId, WalletId};
use operation::KeyType;

use super::attested::AttestedKey;

/// Where a wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WalletPath {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user it belongs to.
    pub(crate) user: UserId,
    /// The wallet.
    pub(crate) wallet: WalletId,
}

/// A wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wallet {
    /// Where it is.
    pub(crate) path: WalletPath,
    /// Its kind of key.
    pub(crate) key_type: KeyType,
    /// How many nodes must act together.
    pub(crate) threshold: u16,
    /// How many nodes hold a share.
    pub(crate) nodes: u16,
    /// When its creation began.
    pub(crate) created: Timestamp,
    /// How far it has come.
    pub(crate) state: WalletState,
}

/// How far a wallet has come. Only forwards, but for one step: a key that was attested and never came into use may be
/// replaced by that of another attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WalletState {
    /// Its key is being made.
    Creating,
    /// Every node attested this key; not every node is known to have put it into use.
    Attested(AttestedKey),
    /// Every node has this key in use. This never changes.
    Active(AttestedKey),
}

impl Wallet {
    /// A wallet whose creation begins.
    pub(crate) fn begun(
        path: WalletPath,
        key_type: KeyType,
        directory: &NodeDirectory,
        now: Timestamp,
    ) -> Self {
        Self {
            path,
            key_type,
            threshold: directory.threshold(),
            nodes: u16::try_from(directory.nodes().len()).unwrap_or(u16::MAX),
            created: now,
            state: WalletState::Creating,
        }
    }

    /// The wallet once every node attested `key`.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when another key is in use, or the key is another wallet's.
    pub(crate) fn attested(self, key: AttestedKey) -> Result<Self> {
        self.expect_own(&key)?;
        match &self.state {
            WalletState::Creating | WalletState::Attested(_) => {
                Ok(Self { state: WalletState::Attested(key), ..self })
            }
            WalletState::Active(active) if *active == key => Ok(self),
            WalletState::Active(_) => Err(Error::internal("the wallet has another key in use")),
        }
    }

    /// The wallet once every node has put the attested key into use.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when no key is attested.
    pub(crate) fn activated(self) -> Result<Self> {
        match self.state {
            WalletState::Creating => Err(Error::internal("no key of the wallet is attested")),
            WalletState::Attested(key) | WalletState::Active(key) => {
                Ok(Self { state: WalletState::Active(key), ..self })
            }
        }
    }

    fn expect_own(&self, key: &AttestedKey) -> Result<()> {
        let statement = key.statement();
        let of =
            WalletPath { environment: statement.environment, user: statement.user, wallet: statement.wallet };
        if of == self.path { Ok(()) } else { Err(Error::internal("the key is another wallet's")) }
    }

    /// The key, once it is in use.
    pub(crate) const fn key(&self) -> Option<&AttestedKey> {
        match &self.state {
            WalletState::Active(key) => Some(key),
            WalletState::Creating | WalletState::Attested(_) => None,
        }
    }

    /// The generation of its key shares, from 1.
    pub(crate) fn share_generation(&self) -> u32 {
        self.key().map_or(1, |key| key.statement().generation)
    }

    /// The key, for an operation that was meant for this generation of key shares.
    ///
    /// # Errors
    ///
    /// `WALLET_NOT_ACTIVE` or `GENERATION_MISMATCH`.
    pub(crate) fn ready(&self, generation: u32) -> Result<&AttestedKey> {
        let key = self.key().ok_or_else(|| {
            Error::new(
                Reason::WalletNotActive,
                "the wallet is still being made; repeat its creation with the same operation id",
            )
        })?;
        let current = key.statement().generation;
        if current != generation {
            return Err(Error::new(
                Reason::GenerationMismatch,
                format!(
                    "the operation is meant for generation {generation} of the wallet's key shares, which are at \
                     {current}; read the wallet and make a new operation"
                ),
            )
            .with("share_generation", current.to_string()));
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    fn begun() -> Wallet {
        let creation = fixtures::creation();
        let path = WalletPath {
            environment: creation.environment,
            user: creation.user,
            wallet: WalletId::derive(&creation.digest),
        };
        Wallet::begun(path, KeyType::Ed25519, &fixtures::directory(2, 3), Timestamp::from_seconds(1))
    }

    fn key(transcript: u8) -> AttestedKey {
        fixtures::attested(&fixtures::creation(), [transcript; 32])
    }

    #[test]
    fn a_wallet_is_used_only_when_every_node_uses_its_key() {
        let creating = begun();
        assert_eq!(creating.ready(1).unwrap_err().reason(), Reason::WalletNotActive);
        assert!(creating.clone().activated().is_err());
        let attested = creating.attested(key(1)).unwrap();
        assert_eq!(attested.ready(1).unwrap_err().reason(), Reason::WalletNotActive);
        assert_eq!(attested.key(), None);
        let active = attested.activated().unwrap();
        assert_eq!(active.ready(1).unwrap(), &key(1));
    }

    #[test]
    fn another_generation_is_refused_and_the_current_one_told() {
        let active = begun().attested(key(1)).unwrap().activated().unwrap();
        for other in [0, 2] {
            let error = active.ready(other).unwrap_err();
            assert_eq!(error.reason(), Reason::GenerationMismatch);
            assert_eq!(error.metadata()["share_generation"], "1");
        }
    }

    #[test]
    fn an_attested_key_may_be_replaced_and_an_active_one_never() {
        let attested = begun().attested(key(1)).unwrap().attested(key(2)).unwrap();
        let active = attested.activated().unwrap();
        assert_eq!(active.key(), Some(&key(2)));
        assert_eq!(active.clone().attested(key(2)).unwrap(), active);
        assert_eq!(active.clone().activated().unwrap(), active);
        assert!(active.attested(key(1)).is_err());
    }

    #[test]
    fn the_key_of_another_wallet_is_refused() {
        let mut wallet = begun();
        wallet.path.wallet = WalletId::derive(&[9; 32]);
        assert!(wallet.attested(key(1)).is_err());
    }
}
