//! The product's users: they follow the accelerator and the DNS name, send real requests, and count
//! what a user would have seen.
//!
//! ```text
//!  every tick: a user, a roll ──▶ DataPlane: which Region? ──▶ one request, one connection
//!     (seeded)                     accelerator │ cached name          │ 2 s of patience
//!                                                                     ▼
//!                                                      UserTally, by second of sending
//! ```
//!
//! Open loop: a request is sent when it is due, whatever became of those before it. A generator
//! that waited for answers would fall silent in exactly the seconds that matter.
//!
//! The rate is bounded in real time, because this host has to carry it beside everything else of a
//! drill; hence the faster the world, the fewer requests in each of its seconds.

mod tally;
mod virtual_user;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::tally::{Count, Downtime, Failure, Operation, Outcome, SecondStat, UserTally};
use self::virtual_user::VirtualUser;
use super::plane::DataPlane;
use super::product::{NoAnswer, ProductAddresses, exchange};
use crate::model::{Millis, Mono, Now};
use crate::ports::Clock;

/// The most requests per real second. With the endpoints that answer them they take some 6 % of one
/// core in an unoptimised build, so the drill itself has the host.
const REAL_RATE: u32 = 150;

/// The most requests per world second: beyond it a second's success rate gains nothing.
const WORLD_RATE: u32 = 40;

/// How far behind its time the generator may send what is due, in world time. After a stall of this
/// host the rest is let go: sent all at once it would only be a second blow.
const CATCH_UP: Millis = Millis::from_secs(2);

/// How the users behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsersSetup {
    /// Decides who asks when, and the rolls against the dials.
    pub seed: u64,
    /// Half of them come by DNS, each with a cache of its own: their TTLs run out one by one.
    pub users: usize,
    /// World time between two requests of all users together.
    pub every: Millis,
    /// Of so many reads and writes in turn each stretch of requests consists.
    pub reads: u32,
    /// See `reads`.
    pub writes: u32,
    /// World time after which a user gives up.
    pub timeout: Millis,
    /// However fast the world runs, an honest answer needs this much real time of this host.
    pub timeout_floor: Duration,
    /// Requests that may wait for an answer at the same time.
    pub in_flight: usize,
    /// Whether every other user comes by the DNS name; all of them by the accelerator otherwise.
    pub by_dns: bool,
    /// Where the requests come from: an address of the users' own, so that a fault on a vantage's
    /// path is not theirs.
    pub source: IpAddr,
}

impl UsersSetup {
    /// As many requests as this host carries beside a drill at the clock's pace.
    pub fn at_pace_of(clock: &dyn Clock, seed: u64) -> Self {
        let minute = Millis::from_mins(1);
        let real_ms = clock.real(minute, Duration::from_millis(1)).as_millis();
        let carried = u128::from(REAL_RATE) * real_ms / 1_000;
        let per_world_minute = carried.clamp(1, u128::from(WORLD_RATE) * 60);
        let every = u128::from(minute.0) / per_world_minute;
        Self {
            seed,
            users: 60,
            every: Millis(u64::try_from(every).unwrap_or(minute.0)),
            // More writes than a real product sees: at the highest speeds a world second holds only
            // a few requests, and each should have some of both kinds.
            reads: 3,
            writes: 2,
            timeout: Millis::from_secs(2),
            timeout_floor: Duration::from_millis(50),
            // What waits on a lost Region: 2 s of 40 requests, and as much again to spare.
            in_flight: 160,
            by_dns: true,
            source: IpAddr::V4(Ipv4Addr::new(127, 0, 4, 1)),
        }
    }

    /// What the request of that number asks for: the writes spread evenly among the reads.
    fn operation(&self, number: u64) -> Operation {
        let (reads, writes) = (u64::from(self.reads), u64::from(self.writes));
        let turn = number.wrapping_mul(writes).checked_rem(reads + writes);
        match turn {
            Some(turn) if turn < writes => Operation::Write,
            Some(_) | None => Operation::Read,
        }
    }
}

/// The users at work. Dropped, they go.
pub struct Users {
    tally: Arc<Mutex<UserTally>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Users {
    /// Starts sending.
    pub fn start(
        plane: Arc<dyn DataPlane>,
        product: ProductAddresses,
        clock: Arc<dyn Clock>,
        setup: UsersSetup,
    ) -> Self {
        let started = clock.now();
        let tally = Arc::new(Mutex::new(UserTally {
            started,
            ..UserTally::default()
        }));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let generator = Generator {
            plane,
            clock,
            started,
            tally: tally.clone(),
            tasks: tasks.clone(),
            users: VirtualUser::population(setup.users, setup.by_dns, &product),
            rng: StdRng::seed_from_u64(setup.seed),
            places: Arc::new(Semaphore::new(setup.in_flight)),
            product,
            setup,
        };
        let ended = stop.clone();
        tasks.spawn(async move { ended.run_until_cancelled(generator.run()).await });
        Self { tally, stop, tasks }
    }

    /// What they saw up to now.
    pub fn tally(&self) -> UserTally {
        lock(&self.tally).clone()
    }

    /// Sends no more, waits for the answers still due (each has its timeout) and hands over the
    /// whole tally.
    pub async fn stop(self) -> UserTally {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.tally()
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Generator {
    plane: Arc<dyn DataPlane>,
    product: ProductAddresses,
    clock: Arc<dyn Clock>,
    setup: UsersSetup,
    started: Now,
    users: Vec<VirtualUser>,
    rng: StdRng,
    tally: Arc<Mutex<UserTally>>,
    tasks: TaskTracker,
    places: Arc<Semaphore>,
}

impl Generator {
    async fn run(mut self) {
        if self.users.is_empty() {
            return;
        }
        // An interval of nothing would spin.
        let every = self.setup.every.max(Millis(1));
        let mut due = self.started.mono;
        for number in 0.. {
            let now = self.clock.now().mono;
            if now < due {
                self.clock.sleep(due.since(now)).await;
            } else if now.since(due) > CATCH_UP {
                due = now;
            }
            self.send(number);
            due = due + every;
        }
    }

    fn send(&mut self, number: u64) {
        // Both are drawn for every request, used or not: the order of choices is the seed's alone.
        let user = self.rng.random_range(0..self.users.len());
        let roll = self.rng.random_range(0..100);
        let operation = self.setup.operation(number);
        let now = self.clock.now().mono;
        let second = second_of(self.started.mono, now);
        let plane = self.plane.as_ref();
        let Some(to) = self.users[user].destination(now, roll, plane, &self.product) else {
            let outcome = Outcome::Failed(Failure::Nowhere);
            lock(&self.tally).record(second, operation, outcome);
            return;
        };
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            lock(&self.tally).unsent += 1;
            return;
        };
        let limit = (self.clock).real(self.setup.timeout, self.setup.timeout_floor);
        let (source, tally) = (self.setup.source, self.tally.clone());
        self.tasks.spawn(async move {
            let outcome = ask(source, to, operation, limit).await;
            lock(&tally).record(second, operation, outcome);
            drop(place);
        });
    }
}

async fn ask(source: IpAddr, to: SocketAddr, operation: Operation, limit: Duration) -> Outcome {
    let (method, path) = match operation {
        Operation::Read => (Method::GET, "/read"),
        Operation::Write => (Method::POST, "/write"),
    };
    let answer = match exchange(source, to, method, path, limit).await {
        Ok(answer) => answer,
        Err(NoAnswer::Timeout(_)) => return Outcome::Failed(Failure::NoAnswer),
        Err(NoAnswer::Connect(_) | NoAnswer::Broken(_)) => {
            return Outcome::Failed(Failure::Broken);
        }
    };
    if answer.status != StatusCode::OK {
        return Outcome::Failed(Failure::Refused);
    }
    match operation {
        Operation::Read => Outcome::Read,
        Operation::Write => match serde_json::from_slice::<Written>(&answer.body) {
            Ok(Written { row }) => Outcome::Wrote { row },
            Err(_) => Outcome::Failed(Failure::Broken),
        },
    }
}

/// The part of an acknowledgement that counts.
#[derive(Deserialize)]
struct Written {
    row: u64,
}

fn second_of(started: Mono, now: Mono) -> usize {
    let second = now.since(started).0 / 1_000;
    // Where this does not fit, the world has run for a century.
    usize::try_from(second).unwrap_or(0)
}

fn lock(tally: &Mutex<UserTally>) -> MutexGuard<'_, UserTally> {
    // A tally is whole between any two additions; a panic elsewhere does not spoil it.
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
