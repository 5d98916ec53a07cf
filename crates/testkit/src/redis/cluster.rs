//! A small Redis Cluster.

use super::{RedisServer, Reply, free_port, until};

/// How many hash slots a cluster has.
const SLOTS: usize = 16_384;

/// Three primaries that share the slots, in order, without replicas.
pub struct RedisCluster {
    /// The primaries, each with a third of the slots.
    pub nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts it, and waits until every node says that it is whole.
    pub async fn start(options: &[(&str, &str)]) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let bus = free_port().to_string();
            let mut all = vec![
                ("cluster-enabled", "yes"),
                ("cluster-node-timeout", "1000"),
                ("cluster-port", bus.as_str()),
            ];
            all.extend_from_slice(options);
            nodes.push((RedisServer::start(&all).await, bus));
        }
        let (first, _) = &nodes[0];
        let count = nodes.len();
        for (number, (node, bus)) in nodes.iter().enumerate() {
            let from = (SLOTS * number / count).to_string();
            let to = (SLOTS * (number + 1) / count - 1).to_string();
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]).await.expect_ok();
            let port = node.port().to_string();
            if number > 0 {
                first.command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]).await.expect_ok();
            }
        }
        let cluster = Self { nodes: nodes.into_iter().map(|(node, _)| node).collect() };
        cluster.is_whole().await;
        cluster
    }

    /// The addresses of all nodes, as URLs.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// Moves a slot, with its keys, to the node of that number.
    pub async fn move_slot(&self, slot: u16, to: usize) {
        let slot = slot.to_string();
        let mut ids = Vec::new();
        for node in &self.nodes {
            ids.push(node.command(&["CLUSTER", "MYID"]).await.text().unwrap());
        }
        let from = self.owner(&slot, &ids).await;
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        target.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &ids[from]]).await.expect_ok();
        source.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &ids[to]]).await.expect_ok();
        let port = target.port().to_string();
        let Reply::Array(keys) = source.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]).await else {
            panic!("no list of keys");
        };
        for key in keys {
            let parts =
                [b"MIGRATE".as_slice(), b"127.0.0.1", port.as_bytes(), key.octets().unwrap(), b"0", b"5000"];
            source.raw(&parts).await.expect_ok();
        }
        for node in [target, source] {
            node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &ids[to]]).await.expect_ok();
        }
    }

    async fn owner(&self, slot: &str, ids: &[String]) -> usize {
        let slot: i64 = slot.parse().unwrap();
        let Reply::Array(ranges) = self.nodes[0].command(&["CLUSTER", "SLOTS"]).await else {
            panic!("no slots");
        };
        for range in ranges {
            let Reply::Array(parts) = range else { panic!("no range") };
            if (parts[0].integer().unwrap()..=parts[1].integer().unwrap()).contains(&slot) {
                let Reply::Array(node) = &parts[2] else { panic!("no node") };
                let id = node[2].text().unwrap();
                return ids.iter().position(|other| *other == id).unwrap();
            }
        }
        panic!("the slot has no owner");
    }

    async fn is_whole(&self) {
        for node in &self.nodes {
            let whole = until(async || {
                let info = node.command(&["CLUSTER", "INFO"]).await.text().unwrap_or_default();
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
            assert!(whole.await, "the cluster does not come together:\n{}", node.log());
        }
    }
}
