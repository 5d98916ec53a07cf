//! A deployment on servers of its own, which faults strike one after the other.

use testkit::{PostgresServer, RedisServer};

use super::notes::Notes;
use super::traveller::Traveller;
use crate::support::deployment::Deployment;
use crate::support::dev::DevSuite;
use crate::support::processes;
use crate::support::servers::Servers;

/// The deployment, its servers and its users.
pub(crate) struct Stage {
    /// Ended before its servers.
    pub(crate) suite: DevSuite,
    pub(crate) postgres: PostgresServer,
    pub(crate) redis: RedisServer,
    /// Those who are not under way.
    resting: Vec<Traveller>,
}

impl Stage {
    /// Starts everything.
    pub(crate) async fn start() -> Self {
        let postgres = PostgresServer::start(&[]).await;
        let redis = RedisServer::start(&[]).await;
        let servers = Servers { postgres: postgres.url(), redis: redis.url() };
        let suite = processes::start("faults", Some(&servers));
        Self { suite, postgres, redis, resting: Vec::new() }
    }

    /// The processes.
    pub(crate) fn deployment(&self) -> &Deployment {
        self.suite.deployment().expect("a process per role")
    }

    /// Users who have a code to show; new ones where too few are rested. A code is good for once.
    pub(crate) async fn travellers(&mut self, notes: &Notes, count: usize) -> Vec<Traveller> {
        let (mut ready, resting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.resting).into_iter().partition(|one| one.prover.is_ready());
        self.resting = resting;
        self.resting.extend(ready.drain(count.min(ready.len())..));
        let channel = self.suite.connect().await;
        let missing = (ready.len()..count).map(|_| Traveller::new(notes, &self.suite, channel.clone()));
        ready.extend(futures::future::join_all(missing).await);
        ready
    }

    /// They may travel again.
    pub(crate) fn rest(&mut self, travellers: impl IntoIterator<Item = Traveller>) {
        self.resting.extend(travellers);
    }

    /// How many tokens paid for different operations at different nodes, by the nodes' own books.
    pub(crate) fn spent_twice(&self, notes: &Notes) -> usize {
        let books = ["node_1", "node_2", "node_3"]
            .map(|schema| format!("SELECT jti, operation_id FROM {schema}.spent_tokens"))
            .join(" UNION ALL ");
        let tokens = |condition: &str| {
            let sql = format!(
                "SELECT count(*) FROM (SELECT jti FROM ({books}) AS books GROUP BY jti {condition}) AS tokens"
            );
            self.postgres.sql(&sql).parse::<usize>().expect("a number")
        };
        if tokens("") == 0 {
            notes.complain("no node has spent a token: these are not the nodes' books");
        }
        tokens("HAVING count(DISTINCT operation_id) > 1")
    }
}
