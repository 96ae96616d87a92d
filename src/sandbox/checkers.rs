//! Route 53's checkers: real requests to what its health checks name.
//!
//! The sixteen of a real health check are one here, which asks as often as each of them does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio_util::sync::CancellationToken;

use crate::model::Millis;

use super::CheckKind;
use super::product::exchange;
use super::world::World;

/// Where they ask from: nobody else's address, so that a fault on a path is not theirs.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 5, 1));

/// 4 s to connect and 2 s to answer, as in the real service.
const PATIENCE: Millis = Millis::from_secs(6);

/// However fast the world runs, an honest answer needs this much real time of this host.
const FLOOR: Duration = Duration::from_millis(100);

/// One task for each health check that asks; they end with the sandbox.
pub(super) fn spawn(world: &Arc<World>, stop: &CancellationToken) {
    // Three findings change its mind.
    let every = Millis(world.setup().delays.route53_health.0 / 3);
    for own in &world.setup().dns.checks {
        let CheckKind::Http { address, path, .. } = &own.kind else {
            continue;
        };
        let asking = ask(
            Arc::clone(world),
            own.check.id.clone(),
            *address,
            path.clone(),
            every,
        );
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = asking => {}
            }
        });
    }
}

async fn ask(world: Arc<World>, id: String, address: SocketAddr, path: String, every: Millis) {
    loop {
        world.sleep(every).await;
        let limit = world.real(PATIENCE, FLOOR);
        let answer = exchange(SOURCE, address, Method::GET, &path, limit).await;
        let healthy =
            answer.is_ok_and(|answer| answer.status.is_success() || answer.status.is_redirection());
        world.checked(&id, healthy);
    }
}
