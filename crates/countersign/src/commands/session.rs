//! A signed-in user of a running `countersign dev`.

use kernel::{Clock as _, Result};
use runtime::SystemClock;

use crate::cli::Target;
use crate::client::{self, UserClient};
use crate::dev::client_file::{ClientFile, SessionOf};

/// The user, and the file by which they were found.
pub(crate) struct SignedIn {
    pub(crate) client: UserClient,
    pub(crate) file: ClientFile,
}

/// Signs in, as of now.
pub(crate) async fn sign_in(target: &Target) -> Result<SignedIn> {
    let file = ClientFile::read(&target.dev_file.path)?;
    let now = SystemClock.now();
    let of = SessionOf { name: &target.name, session: &target.session, auth_time: now, lifetime: 600 };
    let environment = file.environment()?;
    let session = file.session(environment, &of, now)?;
    let client = UserClient::sign_in(client::connect(&file.endpoint).await?, environment, session).await?;
    Ok(SignedIn { client, file })
}
