//! Waiting for a condition, never for a length of time.

use std::time::Duration;

/// Between two looks at a condition: well below anything that is waited for here.
const LOOK: Duration = Duration::from_millis(25);

/// The longest that anything may take on a host that is busy with other things. Only failures wait
/// so long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Looks until there is an answer; `None` after `within`.
pub async fn for_some<T>(within: Duration, look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    looking_every(LOOK, within, look).await
}

/// The same with so much time between two looks.
pub async fn looking_every<T>(
    pause: Duration,
    within: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(pause).await;
        }
    };
    tokio::time::timeout(within, found).await.ok()
}
