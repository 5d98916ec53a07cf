//! What happens to Redis, and what it may do to the records.

use super::traffic::judge::Records;
use super::world::Layout;
use crate::faults::kind::faults;

faults! {
    /// The primary is killed and its replica, which had fallen behind, is promoted.
    PromoteLagging = "promote-lagging",
    /// The primary is killed and its replica, which had kept up, is promoted.
    PromoteCurrent = "promote-current",
    /// Primary and replica change places in good order; clients go on to the old primary for a while.
    Switchover = "switchover",
    /// The primary is killed; Sentinels promote the replica, which may have fallen behind.
    SentinelKilled = "sentinel-killed",
    /// The primary stops where it stands; Sentinels promote the replica; the old primary goes on and does not know.
    SentinelStalled = "sentinel-stalled",
    /// A primary of a cluster is killed and its replica, which had fallen behind, takes over.
    ClusterKilled = "cluster-killed",
    /// Both are primaries, each with clients of its own.
    SplitBrain = "split-brain",
    /// The server is killed and started again from its append-only file.
    RestartAof = "restart-aof",
    /// The server is killed and started again from a snapshot that is older.
    RestartRdb = "restart-rdb",
    /// The server stops where it stands for longer than any client waits, and goes on.
    Stall = "stall",
    /// Connections are cut and nobody gets in.
    Cut = "cut",
    /// Nothing arrives and nobody is told.
    BlackHole = "black-hole",
    /// Requests arrive and answers do not.
    AnswersLost = "answers-lost",
    /// Everything is slow, some of it slower than clients wait.
    Slow = "slow",
    /// The replica loses its primary, finds it again and goes on where it was.
    ReplicationBroken = "replication-broken",
    /// The replica loses its primary for so long that the backlog is given up.
    BacklogExpired = "backlog-expired",
    /// Some clients are led to a replica that takes writes.
    WritableReplica = "writable-replica",
    /// Records are copied and put back after they were used.
    CopiedRecord = "copied-record",
    /// A whole snapshot is loaded into the running server.
    RestoredSnapshot = "restored-snapshot",
}

impl Fault {
    /// What it strikes.
    pub(crate) const fn layout(self) -> Layout {
        match self {
            Self::SentinelKilled | Self::SentinelStalled => Layout::Sentinels,
            Self::ClusterKilled => Layout::Cluster,
            Self::RestartAof => Layout::Alone(&[("appendonly", "yes"), ("appendfsync", "everysec")]),
            Self::RestartRdb
            | Self::Stall
            | Self::Cut
            | Self::BlackHole
            | Self::AnswersLost
            | Self::Slow
            | Self::CopiedRecord
            | Self::RestoredSnapshot => Layout::Alone(&[]),
            Self::PromoteLagging
            | Self::PromoteCurrent
            | Self::Switchover
            | Self::SplitBrain
            | Self::ReplicationBroken
            | Self::BacklogExpired
            | Self::WritableReplica => Layout::Pair,
        }
    }

    /// What it may do to the records.
    pub(crate) const fn records(self) -> Records {
        match self {
            Self::Stall
            | Self::Cut
            | Self::BlackHole
            | Self::AnswersLost
            | Self::Slow
            | Self::ReplicationBroken
            | Self::WritableReplica => Records::Stay,
            Self::RestartAof | Self::BacklogExpired => Records::Die,
            Self::PromoteLagging
            | Self::PromoteCurrent
            | Self::Switchover
            | Self::SentinelKilled
            | Self::SentinelStalled
            | Self::ClusterKilled
            | Self::SplitBrain
            | Self::RestartRdb => Records::Vanish,
            Self::CopiedRecord | Self::RestoredSnapshot => Records::Return,
        }
    }

    /// Whether the control has to let a token pay twice in every fault of this kind: the proof that the campaign can see
    /// it. In other kinds that brings no record back, or brings it back in some of the faults.
    pub(crate) const fn doubles_the_control(self) -> bool {
        matches!(
            self,
            Self::PromoteLagging
                | Self::ClusterKilled
                | Self::SplitBrain
                | Self::RestartRdb
                | Self::WritableReplica
                | Self::CopiedRecord
                | Self::RestoredSnapshot
        )
    }
}
