//! `countersign token`: signs as the providers of a dev suite do, and ends what its issuer made.

use std::time::Duration;

use kernel::secret::ExposeSecret as _;
use kernel::{Clock as _, Error, Result, SecretText, UserId};
use runtime::SystemClock;

use crate::cli::{DevFileOption, TokenAction, WhichTokens};
use crate::client::{self, TokenAdministration, UserClient};
use crate::dev::bootstrap::PROVIDER_ID;
use crate::dev::client_file::{ClientFile, SessionOf};
use crate::output;

/// Prints the token, or revokes some.
pub(crate) async fn run(dev_file: &DevFileOption, action: TokenAction) -> Result<()> {
    let file = ClientFile::read(&dev_file.path)?;
    let now = SystemClock.now();
    let token = match action {
        TokenAction::User { name, session, environment, signed_in_ago, lifetime } => {
            let environment = match environment {
                Some(id) => {
                    id.parse().map_err(|_| Error::invalid("environment", "must be a lower-case UUID"))?
                }
                None => file.environment()?,
            };
            let auth_time = now.minus(Duration::from_secs(signed_in_ago.into()));
            let of = SessionOf { name: &name, session: &session, auth_time, lifetime };
            file.session(environment, &of, now)?
        }
        TokenAction::Admin { name, roles } => file.admin(&name, &roles, now)?,
        TokenAction::Revoke { name, admin, which } => {
            revoke(&file, &name, admin, which).await?;
            output::line("revoked; no call from now on is authorized by one of them");
            return Ok(());
        }
    };
    output::line(token.expose_secret());
    Ok(())
}

async fn revoke(file: &ClientFile, name: &str, as_admin: bool, which: WhichTokens) -> Result<()> {
    let environment = file.environment()?;
    let now = SystemClock.now();
    let channel = client::connect(&file.endpoint).await?;
    if as_admin {
        let admin = file.admin("dev", &[format!("editor@{environment}")], now)?;
        let user = UserId::derive(environment, PROVIDER_ID, name);
        return TokenAdministration::new(channel, admin, environment).revoke_tokens(user, which.into()).await;
    }
    // Any session of the user will do; one that is no other's.
    let of = SessionOf { name, session: "countersign-token-revoke", auth_time: now, lifetime: 60 };
    let session: SecretText = file.session(environment, &of, now)?;
    UserClient::sign_in(channel, environment, session).await?.revoke_tokens(which.into()).await
}

impl From<WhichTokens> for client::Tokens {
    fn from(which: WhichTokens) -> Self {
        Self {
            token: which.token.unwrap_or_default(),
            token_id: which.token_id.unwrap_or_default(),
            device: which.device.unwrap_or_default(),
            session_id: which.session.unwrap_or_default(),
            all: which.all,
        }
    }
}
