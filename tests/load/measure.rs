//! Calls one after the other, some at a time, and how long each took.
#![expect(clippy::disallowed_methods, reason = "durations are what is measured here")]

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// How long calls took.
#[derive(Clone)]
pub(crate) struct Run {
    /// In microseconds.
    times: Histogram<u64>,
    took: Duration,
}

impl Run {
    fn new() -> Self {
        Self { times: Histogram::new_with_bounds(1, 60_000_000, 3).unwrap(), took: Duration::ZERO }
    }

    /// How many there were.
    pub(crate) fn calls(&self) -> u64 {
        self.times.len()
    }

    /// How many there were in a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.calls() as f64 / self.took.as_secs_f64()
    }

    /// The time within which this share of them was answered.
    pub(crate) fn within(&self, share: f64) -> Duration {
        Duration::from_micros(self.times.value_at_quantile(share))
    }

    /// Takes in what was measured at another moment.
    pub(crate) fn add(&mut self, other: &Self) {
        self.times.add(&other.times).unwrap();
        self.took += other.took;
    }
}

/// Jobs until the time is over.
pub(crate) fn during(time: Duration) -> impl Iterator<Item = ()> + Send + 'static {
    let end = Instant::now() + time;
    std::iter::from_fn(move || (Instant::now() < end).then_some(()))
}

/// Does all jobs, with so many in flight: each of so many callers does one after the other. `call` is told which caller it
/// is.
pub(crate) async fn closed_loop<J, F>(
    in_flight: usize,
    jobs: impl Iterator<Item = J> + Send + 'static,
    call: impl Fn(usize, J) -> F + Clone + Send + 'static,
) -> Run
where
    J: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let jobs = Arc::new(Mutex::new(jobs));
    let start = Instant::now();
    let callers: Vec<_> = (0..in_flight)
        .map(|caller| {
            let (jobs, call) = (jobs.clone(), call.clone());
            tokio::spawn(async move {
                let mut run = Run::new();
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(job) = job else { return run };
                    let asked = Instant::now();
                    call(caller, job).await;
                    let micros = u64::try_from(asked.elapsed().as_micros()).unwrap();
                    run.times.record(micros.max(1)).unwrap();
                }
            })
        })
        .collect();
    let mut all = Run::new();
    for caller in callers {
        all.add(&caller.await.unwrap());
    }
    all.took = start.elapsed();
    all
}

/// How long something takes until it says that it is done.
pub(crate) fn until(mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}
