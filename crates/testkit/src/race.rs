//! Calls that race.

use std::sync::Arc;

use tokio::sync::Barrier;

/// Runs `count` calls at once, on the handles in turn, and gives what came of each, in order.
///
/// All wait until the last of them is there. A test that means two processes gives handles on pools of their own.
pub async fn race<S, T, F>(handles: &[S], count: usize, call: impl Fn(S, usize) -> F) -> Vec<T>
where
    S: Clone,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let handles = handles.iter().cycle().cloned();
    let calls: Vec<_> = handles
        .zip(0..count)
        .map(|(handle, index)| {
            let (start, call) = (start.clone(), call(handle, index));
            tokio::spawn(async move {
                start.wait().await;
                call.await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(count);
    for call in calls {
        outcomes.push(call.await.unwrap());
    }
    outcomes
}
