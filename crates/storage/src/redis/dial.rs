//! Opens a connection: TCP, TLS where it is asked for, and the user's name and password.

use std::path::PathBuf;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError};
use kernel::secret::ExposeSecret as _;
use kernel::{Result, SecretText};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::finding::Finding;
use super::settings::{RedisSettings, RedisTls};
use super::tls;
use crate::guarded_file;

/// How servers are dialled.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    username: Option<String>,
    password_setting: &'static str,
    password_file: Option<PathBuf>,
    tls: RedisTls,
    /// Whether plaintext may leave this machine.
    far_plaintext: bool,
    response_timeout: Duration,
    /// How many calls may wait on one connection.
    queue: usize,
    /// How long a connection may take.
    pub(super) timeout: Duration,
}

/// An open connection that nothing is known of yet. It ends when this is dropped.
pub(super) struct Wire {
    pub(super) connection: MultiplexedConnection,
    /// Turns true when it ended, or is given up.
    pub(super) gone: watch::Sender<bool>,
    driver: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What a connection is opened with, read from files at that moment.
struct Secrets {
    password: Option<SecretText>,
    connector: Option<TlsConnector>,
}

impl Dialer {
    /// For the servers themselves. `named` are the addresses in the settings.
    pub(super) fn new(settings: &RedisSettings, named: &[Address]) -> Self {
        Self {
            username: settings.username.clone(),
            password_setting: "redis.password_file",
            password_file: settings.password_file.clone(),
            tls: settings.tls.clone(),
            far_plaintext: named.iter().any(|address| !address.tls && !address.is_this_machine()),
            response_timeout: settings.response_timeout(),
            queue: usize::try_from(settings.max_in_flight).unwrap_or(usize::MAX),
            timeout: settings.connect_timeout(),
        }
    }

    /// For Sentinels, which have users of their own.
    pub(super) fn with_login(self, username: Option<String>, password_file: Option<PathBuf>) -> Self {
        Self { username, password_setting: "redis.sentinel.password_file", password_file, ..self }
    }

    /// Opens a connection. It may take as long as it likes: the caller has a limit.
    ///
    /// Where to connect is said by Sentinels and by nodes of a cluster too, and what they say is not checked by the
    /// settings. Whoever named nothing but this machine, as in production, did not agree to plaintext elsewhere: then it
    /// is refused before anything is read or sent.
    pub(super) async fn dial(&self, address: &Address) -> Result<Wire, Finding> {
        if !(address.tls || self.far_plaintext || address.is_this_machine()) {
            return Err(Finding::refused(
                address,
                "is on another machine and would be talked to in plaintext",
                "use rediss:// for all of them, or let them tell loopback addresses (in dev mode it is enough to name one \
                 that is not on this machine)",
            ));
        }
        let secrets = self.secrets(address).await?;
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(|error| {
            Finding::refused(
                address,
                format!("cannot be reached ({error})"),
                "start it, or correct its address and what stands between",
            )
        })?;
        stream.set_nodelay(true).map_err(|error| {
            Finding::refused(
                address,
                format!("cannot be talked to ({error})"),
                "look at this machine's network",
            )
        })?;
        let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(username) = &self.username {
            info = info.set_username(username);
        }
        if let Some(password) = &secrets.password {
            info = info.set_password(password.expose_secret());
        }
        match secrets.connector {
            None => self.greet(address, &info, stream).await,
            Some(connector) => {
                let name = ServerName::try_from(address.host.clone()).map_err(|_| {
                    Finding::refused(
                        address,
                        "has a name that no certificate can be for",
                        "correct its address",
                    )
                })?;
                let stream = connector.connect(name, stream).await.map_err(|error| {
                    Finding::refused(
                        address,
                        format!("and this client do not agree on TLS ({error})"),
                        "see that `redis.tls.ca_file` has the authority of its certificate, that the certificate is \
                         valid for this host, and that a client certificate is set if it asks for one",
                    )
                })?;
                self.greet(address, &info, stream).await
            }
        }
    }

    async fn secrets(&self, address: &Address) -> Result<Secrets, Finding> {
        let (password, tls) = (self.password_file.clone(), address.tls.then(|| self.tls.clone()));
        let setting = self.password_setting;
        let read = move || -> Result<Secrets> {
            Ok(Secrets {
                password: password.map(|file| guarded_file::read(setting, &file)).transpose()?,
                connector: tls.map(|tls| tls::connector(&tls)).transpose()?,
            })
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read.map_err(|error| {
                Finding::refused(address, "cannot be used as it is configured", error.message().to_owned())
            }),
            Err(error) => {
                Err(Finding::refused(address, format!("cannot be used ({error})"), "try again; report it"))
            }
        }
    }

    async fn greet<S>(
        &self,
        address: &Address,
        info: &RedisConnectionInfo,
        stream: S,
    ) -> Result<Wire, Finding>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(Some(self.response_timeout))
            .set_pipeline_buffer_size(self.queue);
        let (connection, driver) = MultiplexedConnection::new_with_config(info, stream, limits)
            .await
            .map_err(|error| self.not_greeted(address, &error))?;
        let gone = watch::channel(false).0;
        let ended = gone.clone();
        let driver = tokio::spawn(async move {
            driver.await;
            ended.send_replace(true);
        });
        Ok(Wire { connection, gone, driver })
    }

    fn not_greeted(&self, address: &Address, error: &RedisError) -> Finding {
        if error.kind() == ErrorKind::AuthenticationFailed {
            let who = match &self.username {
                Some(name) => format!("the user `{name}`"),
                None => "the default user".to_owned(),
            };
            return Finding::refused(
                address,
                format!("does not accept the password of {who}"),
                format!(
                    "correct the password in the file that `{}` names, or the user",
                    self.password_setting
                ),
            );
        }
        Finding::refused(
            address,
            format!("does not talk as Redis does ({error})"),
            "see that this is the port of Redis, and whether it speaks TLS (rediss://) there",
        )
    }
}
