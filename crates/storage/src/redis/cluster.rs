//! A Redis Cluster: which primary has which slot.
//!
//! Done here and not by the library's own cluster client, because that makes connections of its own, which could not be
//! probed before they carry a command, and repeats what it sent when a connection breaks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use ::redis::{Value, cmd, from_redis_value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::address::Address;
use super::dial::Dialer;
use super::failure::Redirect;
use super::finding::Finding;
use super::judge::Expected;
use super::lane::{Source, Target, late};
use super::link::Link;
use super::node::Node;
use super::probe::not_allowed;
use super::slot::{SLOTS, slot};

/// The primaries of a cluster.
pub(super) struct Cluster {
    dialer: Dialer,
    expected: Expected,
    connections: u32,
    seeds: Vec<Address>,
    map: RwLock<Map>,
    /// Held while the map is asked for, so that one asks for all.
    asking: Mutex<()>,
}

#[derive(Default)]
struct Map {
    /// The owner of each slot.
    owners: HashMap<u16, Address>,
    nodes: HashMap<Address, Arc<Node>>,
    /// Counted up whenever the whole map is new.
    version: u64,
}

/// Slots from the first to the last, and the primary that has them.
type Range = (u16, u16, Address);

impl Cluster {
    pub(super) fn new(dialer: Dialer, expected: Expected, connections: u32, seeds: Vec<Address>) -> Self {
        Self { dialer, expected, connections, seeds, map: RwLock::default(), asking: Mutex::default() }
    }

    /// A connection to the owner of a slot. Where that one cannot be reached, the cluster is asked who owns it now.
    pub(super) async fn link(&self, slot: u16) -> Result<Arc<Link>, Arc<Finding>> {
        let version = self.version();
        let first = match self.owner(slot) {
            Some(node) => node.link().await,
            None => Err(Arc::new(self.unowned(slot))),
        };
        let Err(why) = first else { return first };
        self.ask(version).await.map_err(Arc::new)?;
        match self.owner(slot) {
            Some(node) => node.link().await,
            None => Err(why),
        }
    }

    /// A connection to where a node sent us. Where it is for good, later calls go there at once.
    pub(super) async fn follow(
        &self,
        from: &Address,
        slot: u16,
        redirect: &Redirect,
    ) -> Result<Arc<Link>, Arc<Finding>> {
        let address = Address::told_by(from, &redirect.host, redirect.port);
        let node = self.node(&address);
        if !redirect.once {
            self.write(|map| map.owners.insert(slot, address));
        }
        node.link().await
    }

    /// All primaries, each with a hash tag of a slot that it owns, after the cluster was asked anew. Refused unless every
    /// slot is owned.
    pub(super) async fn primaries(&self) -> Result<Vec<(Arc<Node>, String)>, Finding> {
        self.ask(self.version()).await?;
        let owners = self.read(|map| map.owners.clone());
        if let Some(slot) = (0..SLOTS).find(|slot| !owners.contains_key(slot)) {
            return Err(self.unowned(slot));
        }
        let mut missing: HashSet<&Address> = owners.values().collect();
        let mut found = Vec::with_capacity(missing.len());
        // Every slot has its number sooner or later.
        for tag in (0_u32..).map(|number| number.to_string()) {
            if missing.is_empty() {
                break;
            }
            if let Some(address) = owners.get(&slot(tag.as_bytes()))
                && missing.remove(address)
            {
                found.push((self.node(address), tag));
            }
        }
        Ok(found)
    }

    /// Where the primaries are, after the cluster was asked.
    pub(super) async fn addresses(&self) -> Result<Vec<Address>, Finding> {
        self.ask(self.version()).await?;
        let mut addresses: Vec<_> = self.read(|map| map.nodes.keys().cloned().collect());
        addresses.sort_by_key(ToString::to_string);
        Ok(addresses)
    }

    /// Asks who owns what, unless somebody else has done so since `version`.
    pub(super) async fn ask(&self, version: u64) -> Result<(), Finding> {
        let _turn = self.asking.lock().await;
        if self.version() != version {
            return Ok(());
        }
        let mut known: Vec<_> = self.read(|map| {
            map.nodes.iter().map(|(address, node)| (!node.is_ready(), address.clone())).collect()
        });
        // Those that answer first.
        known.sort_by_key(|(is_away, _)| *is_away);
        let mut last = None;
        for address in known.iter().map(|(_, address)| address).chain(&self.seeds) {
            let asked = timeout(self.dialer.timeout, self.ask_one(address)).await;
            match asked.unwrap_or_else(|_| Err(late(address))) {
                Ok(ranges) => {
                    self.take(&ranges);
                    return Ok(());
                }
                Err(finding) => last = Some(finding),
            }
        }
        Err(last.unwrap_or_else(|| self.unowned(0)))
    }

    /// Over a connection of its own: it carries nothing else, so it needs no probe.
    async fn ask_one(&self, address: &Address) -> Result<Vec<Range>, Finding> {
        let mut wire = self.dialer.dial(address).await?;
        let mut question = cmd("CLUSTER");
        question.arg("SLOTS");
        let answer: Value = question.query_async(&mut wire.connection).await.map_err(|error| {
            if error.to_string().contains("cluster support disabled") {
                Finding::refused(
                    address,
                    "is not a node of a cluster",
                    "name it as `redis.url`, or enable its cluster mode",
                )
            } else {
                not_allowed(address, "CLUSTER SLOTS", &error)
            }
        })?;
        ranges(address, answer).filter(|ranges| !ranges.is_empty()).ok_or_else(|| {
            Finding::refused(address, "knows no owner of any slot", "let the cluster come together first")
        })
    }

    fn take(&self, ranges: &[Range]) {
        let owners = ranges
            .iter()
            .flat_map(|(first, last, address)| (*first..=*last).map(|slot| (slot, address.clone())))
            .collect();
        let mut kept: HashMap<Address, Arc<Node>> = HashMap::new();
        for (_, _, address) in ranges {
            kept.entry(address.clone()).or_insert_with(|| self.node(address));
        }
        self.write(|map| {
            map.owners = owners;
            map.nodes = kept;
            map.version += 1;
        });
    }

    fn node(&self, address: &Address) -> Arc<Node> {
        self.write(|map| {
            let node = map.nodes.entry(address.clone()).or_insert_with(|| {
                let source = Source {
                    dialer: self.dialer.clone(),
                    target: Target::Fixed(address.clone()),
                    expected: self.expected.clone(),
                };
                Arc::new(Node::open(Arc::new(source), self.connections))
            });
            node.clone()
        })
    }

    fn owner(&self, slot: u16) -> Option<Arc<Node>> {
        let address = self.read(|map| map.owners.get(&slot).cloned())?;
        Some(self.node(&address))
    }

    pub(super) fn version(&self) -> u64 {
        self.read(|map| map.version)
    }

    fn unowned(&self, slot: u16) -> Finding {
        let seeds: Vec<_> = self.seeds.iter().map(ToString::to_string).collect();
        Finding::refused(
            seeds.join(", "),
            format!("has no owner for slot {slot}"),
            "mend the cluster (CLUSTER INFO)",
        )
    }

    fn read<T>(&self, look: impl FnOnce(&Map) -> T) -> T {
        look(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Map) -> T) -> T {
        change(&mut self.map.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer of CLUSTER SLOTS: lists of first slot, last slot, primary, replicas.
fn ranges(asked: &Address, answer: Value) -> Option<Vec<Range>> {
    let Value::Array(list) = answer else { return None };
    list.into_iter()
        .map(|range| {
            let Value::Array(parts) = range else { return None };
            let mut parts = parts.into_iter();
            let first: u16 = from_redis_value(parts.next()?).ok()?;
            let last: u16 = from_redis_value(parts.next()?).ok()?;
            let Value::Array(primary) = parts.next()? else { return None };
            let mut primary = primary.into_iter();
            let host: Option<String> = from_redis_value(primary.next()?).ok()?;
            let port: u16 = from_redis_value(primary.next()?).ok()?;
            let good = first <= last && last < SLOTS;
            good.then(|| (first, last, Address::told_by(asked, host.as_deref().unwrap_or_default(), port)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn ranges_are_read_strictly() {
        let asked = Address { host: "seed".to_owned(), port: 7000, tls: true };
        let range = |first, last, host| {
            let primary = Value::Array(vec![host, Value::Int(7001), bulk("id"), Value::Array(vec![])]);
            Value::Array(vec![Value::Int(first), Value::Int(last), primary])
        };
        let read = ranges(
            &asked,
            Value::Array(vec![
                range(0, 99, bulk("one")),
                range(100, 16_383, bulk("")),
                range(5, 5, Value::Nil),
            ]),
        );
        let hosts: Vec<_> = read.unwrap().into_iter().map(|(_, _, address)| address.host).collect();
        assert_eq!(hosts, ["one", "seed", "seed"]);
        for bad in [
            Value::Nil,
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![range(9, 5, bulk("one"))]),
            Value::Array(vec![range(0, 16_384, bulk("one"))]),
            Value::Array(vec![range(-1, 5, bulk("one"))]),
        ] {
            assert_eq!(ranges(&asked, bad), None);
        }
    }
}
