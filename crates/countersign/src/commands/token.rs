//! `countersign token`: signs as the providers of a dev suite do.

use std::time::Duration;

use kernel::secret::ExposeSecret as _;
use kernel::{Clock as _, Error, Result};
use runtime::SystemClock;

use crate::cli::{DevFileOption, TokenKind};
use crate::dev::client_file::{ClientFile, SessionOf};
use crate::output;

/// Prints the token.
pub(crate) fn run(dev_file: &DevFileOption, kind: TokenKind) -> Result<()> {
    let file = ClientFile::read(&dev_file.path)?;
    let now = SystemClock.now();
    let token = match kind {
        TokenKind::User { name, session, environment, signed_in_ago, lifetime } => {
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
        TokenKind::Admin { name, roles } => file.admin(&name, &roles, now)?,
    };
    output::line(token.expose_secret());
    Ok(())
}
