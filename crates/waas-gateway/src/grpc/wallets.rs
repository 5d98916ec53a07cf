//! `WalletService`, for users.

use std::sync::Arc;

use kernel::{Error, Result, SecretText, WalletId};
use proto::waas_gateway as pb;
use proto::waas_gateway::wallet_service_server::WalletService;
use proto::{convert, names};
use runtime::{Gate, Keep, UserCall, paging};
use tonic::{Request, Response, Status};

use super::convert::{caller, sealed_share, wallet};
use crate::create_wallet::CreateWallet;
use crate::export_wallet::ExportWallet;
use crate::gateway::Gateway;
use crate::sign_message::SignMessage;

pub(super) struct WalletHandler {
    pub(super) gate: Gate,
    pub(super) gateway: Arc<Gateway>,
}

#[tonic::async_trait]
impl WalletService for WalletHandler {
    async fn create_wallet(
        &self,
        request: Request<pb::CreateWalletRequest>,
    ) -> Result<Response<pb::CreateWalletResponse>, Status> {
        let gateway = self.gateway.clone();
        self.gate
            .user(
                request,
                "wallet.create",
                Keep::All,
                |r| &r.parent,
                move |call, r| async move { create(&gateway, call, r).await },
            )
            .await
    }

    async fn get_wallet(
        &self,
        request: Request<pb::GetWalletRequest>,
    ) -> Result<Response<pb::GetWalletResponse>, Status> {
        let gateway = self.gateway.clone();
        self.gate
            .user(
                request,
                "wallet.get",
                Keep::Refusals,
                |r| &r.name,
                move |call, r| async move {
                    let id = named_wallet(&call, &r.name).await?;
                    let found = gateway.get_wallet(&caller(call), id).await?;
                    Ok(pb::GetWalletResponse { wallet: Some(wallet(&found)) })
                },
            )
            .await
    }

    async fn list_wallets(
        &self,
        request: Request<pb::ListWalletsRequest>,
    ) -> Result<Response<pb::ListWalletsResponse>, Status> {
        let gateway = self.gateway.clone();
        self.gate
            .user(
                request,
                "wallet.list",
                Keep::Refusals,
                |r| &r.parent,
                move |call, r| async move { list(&gateway, call, r).await },
            )
            .await
    }

    async fn sign_message(
        &self,
        request: Request<pb::SignMessageRequest>,
    ) -> Result<Response<pb::SignMessageResponse>, Status> {
        let gateway = self.gateway.clone();
        self.gate
            .user(
                request,
                "wallet.sign",
                Keep::All,
                |r| &r.name,
                move |call, r| async move { sign(&gateway, call, r).await },
            )
            .await
    }

    async fn export_wallet(
        &self,
        request: Request<pb::ExportWalletRequest>,
    ) -> Result<Response<pb::ExportWalletResponse>, Status> {
        let gateway = self.gateway.clone();
        self.gate
            .user(
                request,
                "wallet.export",
                Keep::All,
                |r| &r.name,
                move |call, r| async move { export(&gateway, call, r).await },
            )
            .await
    }
}

/// The user that a request names must be the caller; the trail hears whose things it is about.
async fn named_user(call: &UserCall, parent: &str) -> Result<String> {
    let (_, user) = names::parse_user("parent", parent)?;
    let name = names::user(call.environment, user.resolve(call.user)?);
    call.trail.resource(name.clone()).await;
    Ok(name)
}

/// The wallet that a request names, below the caller.
async fn named_wallet(call: &UserCall, name: &str) -> Result<WalletId> {
    let named = names::parse_wallet("name", name)?;
    let user = named.user.resolve(call.user)?;
    call.trail.resource(names::wallet(call.environment, user, named.id)).await;
    Ok(named.id)
}

async fn create(
    gateway: &Arc<Gateway>,
    call: UserCall,
    request: pb::CreateWalletRequest,
) -> Result<pb::CreateWalletResponse> {
    named_user(&call, &request.parent).await?;
    let create = CreateWallet {
        key_type: convert::key_type("key_type", request.key_type)?,
        operation: convert::operation_id("operation_id", &request.operation_id)?,
    };
    let created = gateway.create_wallet(&caller(call), create).await?;
    Ok(pb::CreateWalletResponse { wallet: Some(wallet(&created)) })
}

async fn list(
    gateway: &Gateway,
    call: UserCall,
    request: pb::ListWalletsRequest,
) -> Result<pb::ListWalletsResponse> {
    let scope = format!("wallets/{}", named_user(&call, &request.parent).await?);
    let limit = paging::page_size("page_size", request.page_size, 50, 100)?;
    let from = paging::decode_token(&scope, &request.page_token)?
        .map(|cursor| {
            cursor.parse().map_err(|_| Error::invalid("page_token", "is not from an earlier answer"))
        })
        .transpose()?;
    let page = gateway.list_wallets(&caller(call), from, limit).await?;
    let next_page_token =
        page.next.map(|next| paging::encode_token(&scope, &next.to_string())).unwrap_or_default();
    Ok(pb::ListWalletsResponse { wallets: page.wallets.iter().map(wallet).collect(), next_page_token })
}

async fn sign(
    gateway: &Arc<Gateway>,
    call: UserCall,
    request: pb::SignMessageRequest,
) -> Result<pb::SignMessageResponse> {
    let sign = SignMessage {
        wallet: named_wallet(&call, &request.name).await?,
        share_generation: request.share_generation,
        operation: convert::operation_id("operation_id", &request.operation_id)?,
        message: request.message,
        receipt: SecretText::from(request.receipt),
    };
    let signature = gateway.sign_message(&caller(call), sign).await?;
    Ok(pb::SignMessageResponse { signature: signature.to_vec() })
}

async fn export(
    gateway: &Arc<Gateway>,
    call: UserCall,
    request: pb::ExportWalletRequest,
) -> Result<pb::ExportWalletResponse> {
    let export = ExportWallet {
        wallet: named_wallet(&call, &request.name).await?,
        share_generation: request.share_generation,
        operation: convert::operation_id("operation_id", &request.operation_id)?,
        recipient_public_key: convert::octets("recipient_public_key", &request.recipient_public_key)?,
        receipt: SecretText::from(request.receipt),
    };
    let (shares, exported) = gateway.export_wallet(&caller(call), export).await?;
    Ok(pb::ExportWalletResponse {
        shares: shares.into_iter().map(sealed_share).collect(),
        wallet: Some(wallet(&exported)),
    })
}
