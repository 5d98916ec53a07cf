//! The control: tokens kept as most would keep them, `SET` at issue and `GETDEL` at use, with no fence. Right as long as
//! Redis never loses what it acknowledged; the campaign shows that it does.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{EnvironmentId, Error, OperationId, Reason, Result, Timestamp, TokenId, UserId};
use operation::Digest;
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, cmd};
use token_issuer::domain::record::TokenRecord;
use token_issuer::domain::token::{Token, TokenKey};
use token_issuer::ports::{Redeemed, Room, TokenStore};
use tokio::sync::Mutex;

use super::{Place, TIMEOUT};

/// The naive store.
pub(crate) struct GetDel {
    place: Place,
    connection: Mutex<Option<Connection>>,
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn open(place: &Place) -> redis::RedisResult<Self> {
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        Ok(match place {
            Place::Server(port) => {
                let client = Client::open(("127.0.0.1", *port))?;
                Self::Server(client.get_multiplexed_async_connection_with_config(&limits).await?)
            }
            Place::Sentinels(urls, name) => {
                let urls: Vec<_> = urls.iter().map(String::as_str).collect();
                let mut client =
                    SentinelClient::build(urls, (*name).to_owned(), None, SentinelServerType::Master)?;
                Self::Server(client.get_async_connection_with_config(&limits).await?)
            }
            Place::Cluster(urls) => {
                let client = ClusterClient::builder(urls.iter().map(String::as_str))
                    .connection_timeout(TIMEOUT)
                    .response_timeout(TIMEOUT)
                    .build()?;
                Self::Cluster(client.get_async_connection().await?)
            }
        })
    }

    async fn send<T: FromRedisValue>(&mut self, command: &Cmd) -> redis::RedisResult<T> {
        match self {
            Self::Server(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

impl GetDel {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, connection: Mutex::new(None) }
    }

    /// Sends a command once. What fails takes its connection with it.
    async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T> {
        let kept = self.connection.lock().await.clone();
        let sent = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connection.lock().await.insert(Connection::open(&self.place).await?).clone(),
            };
            connection.send(command).await
        };
        // Beside the client's own limits, because others may be asked as well.
        match tokio::time::timeout(TIMEOUT * 3, sent).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                *self.connection.lock().await = None;
                Err(Error::store_unavailable(error))
            }
            Err(late) => {
                *self.connection.lock().await = None;
                Err(Error::store_unavailable(late))
            }
        }
    }
}

fn key(id: TokenId) -> String {
    format!("naive:{id}")
}

#[async_trait]
impl TokenStore for GetDel {
    async fn check_room(&self, _: EnvironmentId, _: UserId, _: Timestamp) -> Result<Room> {
        Ok(Room { history: Vec::new() })
    }

    async fn issue(&self, token: &Token, _: &Room, now: Timestamp) -> Result<()> {
        let life: Duration = token.expires.since(now);
        self.send(cmd("SET").arg(key(token.id)).arg("issued").arg("EX").arg(life.as_secs())).await
    }

    /// The naive store knows that a token is there and nothing else of it.
    async fn get(&self, _: TokenKey, _: Timestamp) -> Result<Option<TokenRecord>> {
        Ok(None)
    }

    async fn redeem(&self, token: TokenKey, _: OperationId, _: Digest, _: Timestamp) -> Result<Redeemed> {
        let taken: Option<String> = self.send(cmd("GETDEL").arg(key(token.id))).await?;
        taken.map(|_| Redeemed::Now).ok_or_else(|| {
            Error::new(Reason::TokenAlreadyRedeemed, "the token is not on file, or not any more")
        })
    }
}
