//! A hundred partitions, drawn from a seed: nothing acknowledged is lost, and never two lead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::cluster::{Cluster, Watch, has, timing};
use super::support::pause;
use crate::ports::Ledger;

/// Cuts a random set of links, each way for itself, for a random while; then heals.
async fn partition(cluster: &Cluster, random: &mut StdRng) {
    for from in &cluster.members {
        for to in &cluster.members {
            if from != to && random.random_bool(0.4) {
                cluster.net.cut(from, to);
            }
        }
    }
    let lease = timing().election_max;
    // From a hiccup to well beyond a lease.
    tokio::time::sleep(lease.mul_f64(random.random_range(0.1..1.6))).await;
    cluster.net.heal();
    tokio::time::sleep(lease.mul_f64(random.random_range(0.0..0.6))).await;
}

async fn campaign(names: &[&str], seed: u64, count: u32) {
    let cluster = Arc::new(Cluster::formed(names).await);
    let watch = Watch::begin(&cluster.net);
    let over = Arc::new(AtomicBool::new(false));
    let proposer = tokio::spawn({
        let (cluster, over) = (Arc::clone(&cluster), Arc::clone(&over));
        async move {
            let mut acknowledged = Vec::new();
            let mut n = 0u64;
            while !over.load(Ordering::Acquire) {
                let app = format!("app-{n}");
                n += 1;
                // Whoever believes to lead, rightly or not.
                let leaders: Vec<_> = cluster
                    .running()
                    .filter(|(_, ledger)| ledger.leads())
                    .map(|(_, ledger)| Arc::clone(ledger))
                    .collect();
                for leader in leaders {
                    if let Ok(Ok(_)) = leader.propose(pause(&app, n)).await {
                        acknowledged.push(app.clone());
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            acknowledged
        }
    });
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..count {
        partition(&cluster, &mut random).await;
    }
    over.store(true, Ordering::Release);
    let acknowledged = proposer.await.expect("joins");
    cluster.commit("at the end").await;
    let state = cluster.agree().await;
    for app in &acknowledged {
        assert!(
            has(&state, app),
            "seed {seed}: {app} was acknowledged and is gone"
        );
    }
    assert!(!acknowledged.is_empty(), "seed {seed}: nothing was done");
    watch.end().await;
}

#[tokio::test]
async fn three_members_through_sixty_partitions() {
    campaign(&["a", "b", "c"], 1, 60).await;
}

#[tokio::test]
async fn five_members_through_forty_partitions() {
    campaign(&["a", "b", "c", "d", "e"], 2, 40).await;
}
