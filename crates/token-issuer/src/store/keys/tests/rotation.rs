//! Keys change beside processes that run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;
use crate::domain::key_life::{MAX_COPY_AGE, MAX_IN_USE};
use crate::keys::{Keys, monotonic};
use kernel::Entropy;
use testkit::SeededEntropy;

const PURPOSES: [(KeyPurpose, Kind); 3] = [
    (KeyPurpose::Elevated, Kind::Elevated),
    (KeyPurpose::Receipt, Kind::Receipt),
    (KeyPurpose::LegacyMfa, Kind::LegacyMfa),
];

fn of(rings: &Rings, purpose: KeyPurpose) -> &KeyRing {
    match purpose {
        KeyPurpose::Elevated => &rings.elevated,
        KeyPurpose::LegacyMfa => &rings.legacy_mfa,
        KeyPurpose::Receipt => &rings.receipts,
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

async fn states(keys: &SqlKeys, purpose: KeyPurpose) -> Vec<KeyState> {
    let keys = keys.list().await.unwrap();
    keys.into_iter().filter(|key| key.purpose == purpose).map(|key| key.life.state).collect()
}

#[tokio::test]
async fn a_key_is_published_then_signs_then_verifies_then_goes() {
    use KeyState::{Active, Prepared, Retired, Superseded};
    for (name, database, _scratch) in databases::<Migrator>().await {
        let stored = keys(&database);
        let first = signed(&load(&database).await.receipts).1;
        let second = stored.prepare(KeyPurpose::Receipt, Algorithm::EdDsa, NOW).await.unwrap();
        assert_eq!(states(&stored, KeyPurpose::Receipt).await, [Active, Prepared], "{name}");
        let rings = load(&database).await;
        assert_eq!(rings.receipts.public().len(), 2);
        assert_eq!(signed(&rings.receipts).1, first);

        assert_eq!(stored.activate(&second, after(14)).await.unwrap_err().reason(), Reason::InvalidRequest);
        assert!(stored.revoke(&first, after(15)).await.is_err(), "{name}: it signs");
        stored.activate(&second, after(15)).await.unwrap();
        stored.activate(&second, after(16)).await.unwrap();
        assert_eq!(states(&stored, KeyPurpose::Receipt).await, [Superseded, Active], "{name}");
        let rings = load(&database).await;
        assert_eq!(signed(&rings.receipts).1, second);
        assert_eq!(rings.receipts.public().get(&second).unwrap().algorithm(), Algorithm::EdDsa);
        assert!(rings.receipts.public().get(&first).is_some());
        // The other purpose is not touched.
        assert_eq!(states(&stored, KeyPurpose::Elevated).await, [Active], "{name}");

        assert!(stored.retire(&first, after(100)).await.is_err(), "{name}: receipts of it are good");
        stored.retire(&first, after(15 + 120 + 15)).await.unwrap();
        stored.retire(&first, after(1_000)).await.unwrap();
        assert_eq!(states(&stored, KeyPurpose::Receipt).await, [Retired, Active], "{name}");
        assert!(load(&database).await.receipts.public().get(&first).is_none());
        assert!(stored.activate(&first, after(9_999)).await.is_err(), "{name}: retired is for ever");
        let row = Entity::find_by_id(first.as_str()).one(&database).await.unwrap().unwrap();
        assert!(row.private_key.is_empty());
        // And it is no longer there to be re-wrapped.
        assert_eq!(census(&database, SEALED).await.unwrap().total(), 3, "{name}");
    }
}

#[tokio::test]
async fn an_activation_is_taken_back_by_activating_the_earlier_key() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let stored = keys(&database);
    let first = signed(&load(&database).await.elevated).1;
    let second = stored.prepare(KeyPurpose::Elevated, Algorithm::Es256, NOW).await.unwrap();
    stored.activate(&second, after(20)).await.unwrap();
    stored.activate(&first, after(21)).await.unwrap();
    assert_eq!(signed(&load(&database).await.elevated).1, first);
}

#[tokio::test]
async fn a_key_that_may_be_in_wrong_hands_goes_at_once() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let stored = keys(&database);
    let first = signed(&load(&database).await.elevated).1;
    let second = stored.prepare(KeyPurpose::Elevated, Algorithm::Es256, NOW).await.unwrap();
    stored.activate(&second, after(15)).await.unwrap();
    assert!(stored.retire(&first, after(4_000)).await.is_err());
    stored.revoke(&first, after(16)).await.unwrap();
    stored.revoke(&first, after(17)).await.unwrap();
    assert_eq!(states(&stored, KeyPurpose::Elevated).await, [KeyState::Revoked, KeyState::Active]);
    assert!(stored.activate(&first, after(9_999)).await.is_err());
    let row = Entity::find_by_id(first.as_str()).one(&database).await.unwrap().unwrap();
    assert!(row.private_key.is_empty());
    assert!(load(&database).await.elevated.public().get(&first).is_none());
}

#[tokio::test]
async fn there_are_never_more_keys_than_a_key_set_has_room_for() {
    for (name, database, scratch) in databases::<Migrator>().await {
        load(&database).await;
        let stored = [keys(&database), keys(&scratch.open().await)];
        let preparing: Vec<_> = (0..20)
            .map(|number| {
                let stored = stored[number % 2].clone();
                tokio::spawn(async move { stored.prepare(KeyPurpose::Receipt, Algorithm::EdDsa, NOW).await })
            })
            .collect();
        for prepared in preparing {
            if let Err(refused) = prepared.await.unwrap() {
                let expected = [Reason::InvalidRequest, Reason::EtagMismatch];
                assert!(expected.contains(&refused.reason()), "{name}: {refused:?}");
            }
        }
        while stored[0].prepare(KeyPurpose::Receipt, Algorithm::EdDsa, NOW).await.is_ok() {}
        let of_receipts = states(&stored[0], KeyPurpose::Receipt).await;
        assert_eq!(of_receipts.len(), MAX_IN_USE, "{name}");
        for other in [KeyPurpose::Elevated, KeyPurpose::LegacyMfa] {
            while stored[0].prepare(other, Algorithm::EdDsa, NOW).await.is_ok() {}
        }
        // All of them are published, and one that goes makes room.
        let rings = load(&database).await;
        assert_eq!(rings.public().unwrap().len(), KeyPurpose::ALL.len() * MAX_IN_USE, "{name}");
        let mut spare = rings.receipts.public().iter().map(|key| key.key_id().clone());
        let spare = spare.find(|key| *key != signed(&rings.receipts).1).unwrap();
        stored[0].retire(&spare, NOW).await.unwrap();
        stored[0].prepare(KeyPurpose::Receipt, Algorithm::EdDsa, NOW).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_activations_at_once_one_key_is_active_in_the_end() {
    for (name, database, scratch) in databases::<Migrator>().await {
        load(&database).await;
        let stored = [keys(&database), keys(&scratch.open().await)];
        let mut prepared = Vec::new();
        for _ in 0..4 {
            prepared.push(stored[0].prepare(KeyPurpose::Elevated, Algorithm::Es256, NOW).await.unwrap());
        }
        let racers: Vec<_> = (0..32)
            .map(|number| {
                let (stored, key) = (stored[number % 2].clone(), prepared[number % 4].clone());
                tokio::spawn(async move { stored.activate(&key, after(60)).await })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(()) => won += 1,
                Err(error) => assert_eq!(error.reason(), Reason::EtagMismatch, "{name}: {error:?}"),
            }
        }
        assert!(won > 0, "{name}");
        let states = states(&stored[0], KeyPurpose::Elevated).await;
        let active = states.iter().filter(|state| **state == KeyState::Active).count();
        assert_eq!((active, states.len()), (1, 5), "{name}: {states:?}");
    }
}

/// A process of the issuer, on a pool of its own, with its copy of the keys.
struct Process {
    stored: SqlKeys,
    seen: Seen,
    keys: Keys,
    /// When it looks next, in seconds of the run; later than it should where the database is away from it.
    next_look: u64,
}

/// Many processes over one database, and an operator who changes keys as often as is allowed.
struct Run {
    begin: Instant,
    /// Seconds since the beginning.
    time: u64,
    processes: Vec<Process>,
    operator: SqlKeys,
    dice: SeededEntropy,
    /// What was signed, when, by purpose.
    signed: BTreeMap<KeyPurpose, Vec<(u64, String)>>,
    refused: u32,
    activated: u32,
    retired: u32,
}

impl Run {
    async fn new(database: &DatabaseConnection, scratch: &Scratch, seed: u64) -> Self {
        let begin = monotonic();
        let mut processes = Vec::new();
        for _ in 0..4 {
            let stored = keys(&scratch.open().await);
            let (rings, seen) = stored.load(Algorithm::EdDsa, NOW).await.unwrap();
            processes.push(Process { stored, seen, keys: Keys::new(rings, begin), next_look: 2 });
        }
        Self {
            begin,
            time: 0,
            processes,
            operator: keys(database),
            dice: SeededEntropy::new(seed),
            signed: BTreeMap::new(),
            refused: 0,
            activated: 0,
            retired: 0,
        }
    }

    fn dice(&self, sides: u64) -> u64 {
        u64::from_be_bytes(kernel::entropy::bytes(&self.dice as &dyn Entropy)) % sides
    }

    fn now(&self) -> Instant {
        self.begin + Duration::from_secs(self.time)
    }

    /// A second passes.
    async fn tick(&mut self) {
        self.time += 1;
        let (time, now) = (self.time, self.now());
        for index in 0..self.processes.len() {
            let (away, stalled) = (self.dice(30) == 0, 2 + self.dice(50));
            let process = &mut self.processes[index];
            if process.next_look > time {
                continue;
            }
            let rings = process.stored.refresh(&mut process.seen).await.unwrap();
            process.keys.renew(rings, now);
            process.next_look = time + if away { stalled } else { 2 };
        }
    }

    /// A time in which everybody looks as they should and nothing happens.
    async fn calm(&mut self, seconds: u64) {
        self.time += seconds;
        let now = self.now();
        for process in &mut self.processes {
            let rings = process.stored.refresh(&mut process.seen).await.unwrap();
            process.keys.renew(rings, now);
            process.next_look = self.time + 2;
        }
    }

    /// The operator tries something. What is refused is refused.
    async fn operate(&mut self) {
        let now = NOW.plus(Duration::from_secs(self.time));
        let purpose = PURPOSES[usize::try_from(self.dice(3)).unwrap()].0;
        let keys = self.operator.list().await.unwrap();
        let mine: Vec<_> =
            keys.iter().filter(|key| key.purpose == purpose && key.life.state != KeyState::Retired).collect();
        let any = |state| {
            let those: Vec<_> = mine.iter().filter(|key| key.life.state == state).collect();
            let index = usize::try_from(self.dice(those.len().max(1) as u64)).unwrap();
            those.get(index).map(|key| key.id.clone())
        };
        match self.dice(5) {
            0 if mine.len() < 5 => {
                self.operator.prepare(purpose, Algorithm::EdDsa, now).await.unwrap();
            }
            choice @ 1..=3 => {
                // Mostly a new one, as early as it is allowed; at times one that signed before.
                let state = if choice == 3 { KeyState::Superseded } else { KeyState::Prepared };
                if let Some(key) = any(state) {
                    self.activated += u32::from(self.operator.activate(&key, now).await.is_ok());
                }
            }
            _ => {
                if let Some(key) = any(KeyState::Superseded) {
                    self.retired += u32::from(self.operator.retire(&key, now).await.is_ok());
                }
            }
        }
    }

    /// Every process that still trusts its copy signs, and every such process verifies: what was signed now, and what
    /// was signed at any time before and is not over yet.
    fn sign_and_verify(&mut self) {
        let now = self.now();
        let trusted: Vec<_> = self.processes.iter().filter_map(|p| p.keys.rings_at(now).ok()).collect();
        self.refused += u32::try_from(self.processes.len() - trusted.len()).unwrap();
        for (purpose, kind) in PURPOSES {
            let older = self.signed.entry(purpose).or_default();
            older.extend(trusted.iter().map(|rings| (self.time, signed(of(rings, purpose)).0)));
            older.retain(|(at, _)| self.time - at < purpose.longest().as_secs());
            // What is newest, and some of what is older, the oldest among it.
            let stride = (older.len() / 5).max(1);
            let recent = older.iter().rev().take(4).chain(older.iter().step_by(stride));
            for (at, token) in recent {
                for rings in &trusted {
                    assert!(
                        verifies(of(rings, purpose), kind, token),
                        "{purpose}, signed at {at}, does not verify at {}",
                        self.time
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn at_no_moment_is_there_a_signature_that_does_not_verify() {
    for (name, database, scratch) in databases::<Migrator>().await {
        let mut run = Run::new(&database, &scratch, 4).await;
        for _ in 0..375 {
            run.tick().await;
            run.operate().await;
            run.sign_and_verify();
        }
        // With long times in between: the first keys of tokens are over.
        for _ in 0..38 {
            run.calm(300).await;
            for _ in 0..6 {
                run.tick().await;
                run.operate().await;
                run.sign_and_verify();
            }
        }
        let seen = (run.activated, run.retired, run.refused);
        assert!(run.activated > 10 && run.retired > 5 && run.refused > 20, "{name}: {seen:?}");
        let retired = |purpose| {
            let keys = run.operator.list();
            async move {
                keys.await
                    .unwrap()
                    .iter()
                    .any(|key| key.purpose == purpose && key.life.state == KeyState::Retired)
            }
        };
        assert!(retired(KeyPurpose::Elevated).await && retired(KeyPurpose::Receipt).await, "{name}");
    }
}

#[tokio::test]
async fn a_process_that_cannot_look_says_so_before_others_use_what_it_does_not_know() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let stored = keys(&database);
    let begin = monotonic();
    let (rings, _) = stored.load(Algorithm::EdDsa, NOW).await.unwrap();
    let cut_off = Keys::new(rings, begin);
    let key = stored.prepare(KeyPurpose::Elevated, Algorithm::EdDsa, NOW).await.unwrap();
    // The earliest moment at which anybody signs with it.
    assert!(stored.activate(&key, NOW.plus(PREPARATION)).await.is_ok());
    let refused = cut_off.rings_at(begin + PREPARATION).unwrap_err();
    assert_eq!(refused.reason(), Reason::StoreUnavailable);
    assert!(MAX_COPY_AGE < PREPARATION);
}
