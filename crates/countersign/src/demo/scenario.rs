//! Design §1, step by step, in an environment of each preset.

use kernel::{Clock, Entropy, EnvironmentId, Error, Reason, Result, SecretText};
use mpc_signer::export::RecipientKey;
use operation::{Operation, WalletRef};
use proto::policy::policy_admin_service_client::PolicyAdminServiceClient;
use proto::policy::{Environment, GetEnvironmentRequest, Preset, UpdateEnvironmentRequest};
use proto::token_issuer::ListAuditEventsRequest;
use proto::token_issuer::token_issuer_admin_service_client::TokenIssuerAdminServiceClient;
use proto::waas_gateway::Wallet;
use tonic::transport::Channel;

use super::authenticator::Authenticator;
use super::passkeys::relying_party;
use super::script::Script;
use crate::client::{
    OperationIds, Ticket, UserClient, answer, export_operation, open_export, sign_operation, with_bearer,
};
use crate::dev::bootstrap::create_environment;
use crate::dev::client_file::{ClientFile, SessionOf};

/// Where the demo plays.
pub(crate) struct Stage<'a> {
    /// To the suite.
    pub(crate) channel: Channel,
    /// How to sign in.
    pub(crate) file: &'a ClientFile,
    /// The time.
    pub(crate) clock: &'a dyn Clock,
    /// Randomness.
    pub(crate) entropy: &'a dyn Entropy,
}

/// A user with a wallet.
pub(super) struct Player {
    pub(super) client: UserClient,
    wallet: Wallet,
    on: WalletRef,
}

impl Player {
    /// The address of the wallet.
    pub(super) fn address(&self) -> &str {
        &self.wallet.address
    }
}

impl Stage<'_> {
    /// The preset for new environments. Gives the environment.
    pub(crate) async fn strict(&self, script: &mut Script) -> Result<EnvironmentId> {
        script.chapter("An environment with the preset `strict`: exporting always needs a second factor");
        let environment = self.environment(script, Preset::Strict, "demo strict").await?;
        let alice = self.player(script, environment, "alice").await?;

        let hello = self.signing(&alice, b"hello");
        let signature = script.succeeds(
            "alice, who has no factor yet, signs a message with her session alone",
            alice.client.sign(&hello, "").await,
            |signature| format!("{} bytes of signature", signature.len()),
        )?;
        script.holds(
            "the signature is good for the wallet's address",
            verifies(&alice.wallet.address, b"hello", &signature),
            "checked with an Ed25519 library that the suite does not sign with",
        );
        let (_, export) = self.exporting(&alice);
        script.refused(
            "exporting is refused, and says that she must enrol first",
            Reason::EnrolmentRequired,
            alice.client.export(&export, "").await,
        );

        let mut app = self.enrol(script, &alice, Ticket::default()).await?;

        let (recipient, export) = self.exporting(&alice);
        script.refused(
            "exporting with the session alone is refused, and says what would do",
            Reason::StepUpRequired,
            alice.client.export(&export, "").await,
        );
        script.refused(
            "signing now needs a proof too, because she has a factor",
            Reason::StepUpRequired,
            alice.client.sign(&self.signing(&alice, b"again"), "").await,
        );

        self.scope_bound(script, &alice, &mut app, &export).await?;
        self.operation_bound(script, &alice, &mut app, &recipient, &export).await?;
        self.audit_trail(script, environment).await?;
        Ok(environment)
    }

    /// A token for scopes: spent once, and not good enough for an export here.
    async fn scope_bound(
        &self,
        script: &mut Script,
        alice: &Player,
        app: &mut Authenticator,
        export: &Operation,
    ) -> Result<()> {
        let code = app.next(self.clock)?;
        let ids = OperationIds::new(self.entropy);
        script.refused(
            "a token for exports in general is not to be had here, and asking does not cost the code",
            Reason::StepUpRequired,
            alice.client.authenticate_totp(&code, &["wallet:export"], None, &ids).await,
        );
        let token = script.succeeds(
            "the code buys an elevated access token for the scope wallet:sign",
            alice.client.authenticate_totp(&code, &["wallet:sign"], None, &ids).await,
            |token| format!("acr {}, single use", token.acr),
        )?;
        script.refused(
            "the same code again is refused",
            Reason::CodeRejected,
            alice.client.authenticate_totp(&app.again()?, &["wallet:sign"], None, &ids).await,
        );
        script.refused(
            "that token does not open an export: it has not the scope",
            Reason::TokenScopeInsufficient,
            alice.client.authorize(export, Some(&token.token)).await,
        );
        let first = self.signing(alice, b"pay 1 to bob");
        let receipt = script.succeeds(
            "it pays for one signature",
            alice.client.authorize(&first, Some(&token.token)).await,
            |answer| {
                format!("a receipt; the token is {}", if answer.token_redeemed { "spent" } else { "unspent" })
            },
        )?;
        script.succeeds(
            "with the receipt the nodes sign",
            alice.client.sign(&first, &receipt.receipt).await,
            |signature| format!("{} bytes of signature", signature.len()),
        )?;
        script.refused(
            "the same token for another operation is refused",
            Reason::TokenAlreadyRedeemed,
            alice.client.authorize(&self.signing(alice, b"pay 1 to eve"), Some(&token.token)).await,
        );
        Ok(())
    }

    /// A token for exactly one export.
    async fn operation_bound(
        &self,
        script: &mut Script,
        alice: &Player,
        app: &mut Authenticator,
        recipient: &RecipientKey,
        export: &Operation,
    ) -> Result<()> {
        let ids = OperationIds::new(self.entropy);
        let code = app.next(self.clock)?;
        let token = script.succeeds(
            "a code buys a token for exactly this export",
            alice.client.authenticate_totp(&code, &[], Some(export), &ids).await,
            |token| format!("bound to operation digest {}", short(&token.operation_digest)),
        )?;
        let thief = RecipientKey::generate(self.entropy);
        let tampered = export_operation(
            alice.client.environment,
            alice.client.user,
            export.id,
            alice.on,
            thief.public(),
        );
        script.refused(
            "the export to somebody else's key is not authorized with it",
            Reason::OperationMismatch,
            alice.client.authorize(&tampered, Some(&token.token)).await,
        );
        let receipt = script.succeeds(
            "the issuer authorizes the export",
            alice.client.authorize(export, Some(&token.token)).await,
            |answer| format!("a receipt for digest {}", short(&answer.operation_digest)),
        )?;
        script.refused(
            "the nodes refuse the export to somebody else's key with that receipt",
            Reason::ReceiptMismatch,
            alice.client.export(&tampered, &receipt.receipt).await,
        );
        let sealed = script.succeeds(
            "the export runs",
            alice.client.export(export, &receipt.receipt).await,
            |answer| format!("{} shares, each sealed to alice's one-time key", answer.shares.len()),
        )?;
        let opened = self.open(alice, recipient, export, &sealed)?;
        script.holds(
            "the opened key makes the wallet's address and signs for it",
            verifies(&alice.wallet.address, b"mine", &opened.key.sign(b"mine")),
            &opened.address,
        );
        let (_, another) = self.exporting(alice);
        script.refused(
            "the same token for a new export is refused",
            Reason::TokenAlreadyRedeemed,
            alice.client.authorize(&another, Some(&token.token)).await,
        );
        Ok(())
    }

    /// The product's own defaults. Gives the environment.
    pub(crate) async fn seed_compatible(&self, script: &mut Script) -> Result<EnvironmentId> {
        script.chapter(
            "An environment with the preset `seed-compatible`: no factor, no step-up; one factor, step-up",
        );
        let environment = self.environment(script, Preset::SeedCompatible, "demo seed-compatible").await?;
        let bob = self.player(script, environment, "bob").await?;
        let (recipient, export) = self.exporting(&bob);
        let sealed = script.succeeds(
            "bob, who has no factor, exports with his session alone",
            bob.client.export(&export, "").await,
            |answer| format!("{} sealed shares", answer.shares.len()),
        )?;
        let opened = self.open(&bob, &recipient, &export, &sealed)?;
        script.holds("the opened key makes the wallet's address", true, &opened.address);

        let mut app = self.enrol(script, &bob, Ticket::default()).await?;
        let (recipient, export) = self.exporting(&bob);
        script.refused(
            "now exporting is refused with the session alone",
            Reason::StepUpRequired,
            bob.client.export(&export, "").await,
        );
        let token = script.succeeds(
            "a code buys a token for the scope wallet:export",
            bob.client
                .authenticate_totp(
                    &app.next(self.clock)?,
                    &["wallet:export"],
                    None,
                    &OperationIds::new(self.entropy),
                )
                .await,
            |token| format!("scope {}", token.scopes.join(" ")),
        )?;
        let receipt = script.succeeds(
            "here it opens the export without being bound to it",
            bob.client.authorize(&export, Some(&token.token)).await,
            |_| "a receipt".to_owned(),
        )?;
        let sealed = script.succeeds(
            "the export runs",
            bob.client.export(&export, &receipt.receipt).await,
            |answer| format!("{} sealed shares", answer.shares.len()),
        )?;
        let opened = self.open(&bob, &recipient, &export, &sealed)?;
        script.holds("the opened key makes the wallet's address", true, &opened.address);
        let (_, another) = self.exporting(&bob);
        script.refused(
            "the same token for a new export is refused",
            Reason::TokenAlreadyRedeemed,
            bob.client.authorize(&another, Some(&token.token)).await,
        );
        Ok(environment)
    }

    /// An environment of its own, so that the demo can be played on a suite that is in use.
    pub(super) async fn environment(
        &self,
        script: &mut Script,
        preset: Preset,
        name: &str,
    ) -> Result<EnvironmentId> {
        let admin = self.file.admin("demo", &["owner@*".to_owned()], self.clock.now())?;
        let id = EnvironmentId::random(self.entropy);
        script.succeeds(
            "an administrator creates an environment",
            create_environment(self.channel.clone(), &admin, self.file, id, preset, name, relying_party())
                .await,
            |environment| environment.name.clone(),
        )?;
        Ok(id)
    }

    /// Has an administrator change a setting; gives the new version.
    pub(super) async fn change(
        &self,
        environment: EnvironmentId,
        setting: &str,
        change: impl FnOnce(&mut Environment),
    ) -> Result<u64> {
        let missing = || Error::internal("policy answered without an environment");
        let admin = self.file.admin("demo", &["owner@*".to_owned()], self.clock.now())?;
        let mut client = PolicyAdminServiceClient::new(self.channel.clone());
        let request = GetEnvironmentRequest { name: proto::names::environment(environment), version: 0 };
        let found = answer(client.get_environment(with_bearer(request, &admin)?).await)?;
        let mut environment = found.environment.ok_or_else(missing)?;
        change(&mut environment);
        let request = UpdateEnvironmentRequest {
            environment: Some(environment),
            update_mask: Some(prost_types::FieldMask { paths: vec![setting.to_owned()] }),
            validate_only: false,
        };
        let changed = answer(client.update_environment(with_bearer(request, &admin)?).await)?;
        Ok(changed.environment.ok_or_else(missing)?.version)
    }

    /// Signs a user in and makes them a wallet.
    pub(super) async fn player(
        &self,
        script: &mut Script,
        environment: EnvironmentId,
        name: &str,
    ) -> Result<Player> {
        let now = self.clock.now();
        let of = SessionOf { name, session: "demo", auth_time: now, lifetime: 3600 };
        let session = self.file.session(environment, &of, now)?;
        let client = script.succeeds(
            &format!("{name} signs in with a session of the environment's provider"),
            UserClient::sign_in(self.channel.clone(), environment, session).await,
            UserClient::name,
        )?;
        let id = OperationIds::new(self.entropy).operation();
        let wallet = script.succeeds(
            "the nodes make a wallet's key together",
            client.create_wallet(id).await,
            |wallet| format!("{} of {} nodes, address {}", wallet.threshold, wallet.nodes, wallet.address),
        )?;
        let on = client.wallet_ref(&wallet)?;
        Ok(Player { client, wallet, on })
    }

    /// Registers and activates a TOTP device.
    pub(super) async fn enrol(
        &self,
        script: &mut Script,
        player: &Player,
        ticket: Ticket,
    ) -> Result<Authenticator> {
        let registered = script.succeeds(
            "a TOTP device is registered",
            player.client.register_totp("demo authenticator", ticket).await,
            |_| "a secret, a key URI and a QR code (not shown here)".to_owned(),
        )?;
        let mut app = Authenticator::new(&SecretText::from(registered.secret))?;
        let name = registered.device.map(|device| device.name).unwrap_or_default();
        let (code, ids) = (app.next(self.clock)?, OperationIds::new(self.entropy));
        script.succeeds(
            "its first right code makes it a factor",
            player.client.activate_totp(&name, &code, &ids).await,
            |device| device.name.clone(),
        )?;
        Ok(app)
    }

    /// What the trail says of the whole.
    async fn audit_trail(&self, script: &mut Script, environment: EnvironmentId) -> Result<()> {
        let roles = [format!("auditor@{environment}")];
        let admin = self.file.admin("auditor", &roles, self.clock.now())?;
        let request = ListAuditEventsRequest {
            parent: proto::names::environment(environment),
            page_size: 200,
            page_token: String::new(),
        };
        let mut client = TokenIssuerAdminServiceClient::new(self.channel.clone());
        let trail = script.succeeds(
            "an auditor of this environment reads what the issuer wrote down",
            answer(client.list_audit_events(with_bearer(request, &admin)?).await),
            |trail| format!("{} events", trail.events.len()),
        )?;
        script.holds(
            "the refused reuse of the token is among them",
            trail.events.iter().any(|event| event.reason == Reason::TokenAlreadyRedeemed.as_str()),
            "TOKEN_ALREADY_REDEEMED",
        );
        Ok(())
    }

    /// A message that was not signed yet.
    pub(super) fn signing(&self, player: &Player, message: &[u8]) -> Operation {
        let id = OperationIds::new(self.entropy).operation();
        sign_operation(player.client.environment, player.client.user, id, player.on, message)
    }

    /// An export that was not asked for yet, and the key to open it with.
    pub(super) fn exporting(&self, player: &Player) -> (RecipientKey, Operation) {
        let recipient = RecipientKey::generate(self.entropy);
        let id = OperationIds::new(self.entropy).operation();
        let (environment, user) = (player.client.environment, player.client.user);
        let operation = export_operation(environment, user, id, player.on, recipient.public());
        (recipient, operation)
    }

    /// Has the export run by a token that pays for it, and opens it.
    pub(super) async fn run(
        &self,
        script: &mut Script,
        player: &Player,
        (recipient, export): &(RecipientKey, Operation),
        token: &str,
    ) -> Result<()> {
        let receipt = script.succeeds(
            "the issuer authorizes the export",
            player.client.authorize(export, Some(token)).await,
            |answer| format!("a receipt for digest {}", short(&answer.operation_digest)),
        )?;
        let sealed = script.succeeds(
            "the export runs",
            player.client.export(export, &receipt.receipt).await,
            |answer| format!("{} sealed shares", answer.shares.len()),
        )?;
        let opened = self.open(player, recipient, export, &sealed)?;
        script.holds("the opened key makes the wallet's address", true, &opened.address);
        Ok(())
    }

    fn open(
        &self,
        player: &Player,
        recipient: &RecipientKey,
        export: &Operation,
        sealed: &proto::waas_gateway::ExportWalletResponse,
    ) -> Result<crate::client::Exported> {
        let checked = export.clone().check()?;
        let directory = self.file.directory()?;
        open_export(&directory, &checked, &player.wallet.address, recipient, sealed, self.entropy)
    }
}

/// Whether `signature` over `message` is good under the key that `address` is.
pub(super) fn verifies(address: &str, message: &[u8], signature: &[u8]) -> bool {
    let check = || -> Result<bool> {
        let key = bs58::decode(address).into_vec().map_err(Error::internal)?;
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, key);
        Ok(key.verify(message, signature).is_ok())
    };
    check().unwrap_or(false)
}

/// The first octets of a digest, for a line.
pub(super) fn short(digest: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest.get(..4).unwrap_or_default())
}
