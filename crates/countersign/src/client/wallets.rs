//! The wallet calls.

use kernel::{Entropy, Error, OperationId, Result};
use mpc_signer::domain::{Attestation, NodeDirectory};
use mpc_signer::export::{ExpectedExport, ExportedKey, RecipientKey, SealedShare, open};
use operation::{Body, CheckedOperation, Operation, WalletRef};
use proto::types::KeyType;
use proto::waas_gateway::wallet_service_client::WalletServiceClient;
use proto::waas_gateway::{
    CreateWalletRequest, ExportWalletRequest, ExportWalletResponse, GetWalletRequest, ListWalletsRequest,
    SignMessageRequest, Wallet,
};
use proto::{convert, names};

use super::{UserClient, answer};

/// An opened export.
pub(crate) struct Exported {
    /// The key.
    pub(crate) key: ExportedKey,
    /// The address it makes.
    pub(crate) address: String,
}

fn missing(what: &str) -> Error {
    Error::internal(format!("the gateway answered without {what}"))
}

impl UserClient {
    fn wallets(&self) -> WalletServiceClient<tonic::transport::Channel> {
        WalletServiceClient::new(self.channel())
    }

    /// Creates a wallet.
    pub(crate) async fn create_wallet(&self, operation_id: OperationId) -> Result<Wallet> {
        let request = CreateWalletRequest {
            parent: self.name(),
            key_type: KeyType::Ed25519.into(),
            operation_id: operation_id.to_string(),
        };
        answer(self.wallets().create_wallet(self.request(request)?).await)?
            .wallet
            .ok_or_else(|| missing("a wallet"))
    }

    /// Reads a wallet, by name or id.
    pub(crate) async fn wallet(&self, name: &str) -> Result<Wallet> {
        let name = match name.parse() {
            Ok(id) => names::wallet(self.environment, self.user, id),
            Err(_) => name.to_owned(),
        };
        answer(self.wallets().get_wallet(self.request(GetWalletRequest { name })?).await)?
            .wallet
            .ok_or_else(|| missing("a wallet"))
    }

    /// Lists all wallets.
    pub(crate) async fn list_wallets(&self) -> Result<Vec<Wallet>> {
        let (mut wallets, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListWalletsRequest { parent: self.name(), page_size: 0, page_token };
            let page = answer(self.wallets().list_wallets(self.request(request)?).await)?;
            wallets.extend(page.wallets);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(wallets);
            }
        }
    }

    /// Has a message signed, with a receipt or by what the session alone may do.
    pub(crate) async fn sign(&self, operation: &Operation, receipt: &str) -> Result<Vec<u8>> {
        let Body::SignMessage { wallet, message } = &operation.body else {
            return Err(Error::internal("not a signing operation"));
        };
        let request = SignMessageRequest {
            name: names::wallet(self.environment, self.user, wallet.id),
            operation_id: operation.id.to_string(),
            share_generation: wallet.share_generation,
            message: message.clone(),
            receipt: receipt.to_owned(),
        };
        Ok(answer(self.wallets().sign_message(self.request(request)?).await)?.signature)
    }

    /// Has a key exported, with a receipt or by what the session alone may do. The answer is sealed.
    pub(crate) async fn export(&self, operation: &Operation, receipt: &str) -> Result<ExportWalletResponse> {
        let Body::ExportWallet { wallet, recipient_public_key } = &operation.body else {
            return Err(Error::internal("not an export operation"));
        };
        let request = ExportWalletRequest {
            name: names::wallet(self.environment, self.user, wallet.id),
            operation_id: operation.id.to_string(),
            share_generation: wallet.share_generation,
            recipient_public_key: recipient_public_key.to_vec(),
            receipt: receipt.to_owned(),
        };
        answer(self.wallets().export_wallet(self.request(request)?).await)
    }

    /// The wallet as an operation names it.
    pub(crate) fn wallet_ref(&self, wallet: &Wallet) -> Result<WalletRef> {
        let named = names::parse_wallet("wallet.name", &wallet.name)?;
        Ok(WalletRef { id: named.id, share_generation: wallet.share_generation })
    }
}

/// Opens an export. `address` is the one the caller knows the wallet by, not one that came with the answer.
pub(crate) fn open_export(
    directory: &NodeDirectory,
    operation: &CheckedOperation,
    address: &str,
    recipient: &RecipientKey,
    answer: &ExportWalletResponse,
    entropy: &dyn Entropy,
) -> Result<Exported> {
    let own = operation.operation();
    let wallet = operation.wallet().ok_or_else(|| Error::internal("not an export operation"))?;
    let expected = ExpectedExport {
        environment: own.environment,
        user: own.user,
        wallet: wallet.id,
        generation: wallet.share_generation,
        operation_digest: *operation.digest().as_bytes(),
        address,
    };
    let attestations = answer
        .wallet
        .as_ref()
        .ok_or_else(|| missing("the wallet"))?
        .attestations
        .iter()
        .map(|attestation| {
            Ok(Attestation {
                node: convert::id("attestations.node_id", &attestation.node_id)?,
                statement: attestation.statement.clone(),
                signature: convert::octets("attestations.signature", &attestation.signature)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let shares = answer
        .shares
        .iter()
        .map(|share| {
            Ok(SealedShare {
                node: convert::id("shares.node_id", &share.node_id)?,
                encapsulated_key: convert::octets("shares.encapsulated_key", &share.encapsulated_key)?,
                ciphertext: share.ciphertext.clone(),
                signature: convert::octets("shares.signature", &share.signature)?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let key = open(directory, &expected, recipient, &attestations, &shares, entropy)?;
    let exported_address = bs58::encode(key.public_key()).into_string();
    if exported_address != address {
        return Err(Error::internal("the exported key makes another address"));
    }
    Ok(Exported { key, address: exported_address })
}
