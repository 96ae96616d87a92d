//! Each test twice: outside, where it lays the network, and inside of it, where it is played.
//!
//! ```text
//!  cargo test ─▶ test ─ lays the network ─ nsenter ─▶ this program again, for that test alone ─▶ body
//!                  └──── takes it away ◀──────────────────── its output, its end
//! ```
//!
//! So whatever a test opens is inside, and a test that dies in the middle leaves nothing behind.

use std::any::type_name;
use std::io::Write;
use std::process::Command;
use std::sync::{Condvar, Mutex, Once, PoisonError};

use super::net::{Name, Net, sweep};

/// Names the network that this program was started in.
const INSIDE: &str = "FAILOVERD_HOSTS_INSIDE";

/// `required`: what cannot be run is a failure.
const WISH: &str = "FAILOVERD_HOSTS";

/// Networks at a time: each is mostly waiting, but its members' timeouts are the host's.
const PLACES: usize = 7;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();
static SWEPT: Once = Once::new();

/// Plays a test in a network of its own. `body` is a closure in the test's own function, which is how
/// the test's name is known.
pub fn play<F>(body: F)
where
    F: AsyncFnOnce(Name),
{
    match std::env::var(INSIDE) {
        Ok(name) => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .worker_threads(2)
                .build()
                .expect("a runtime");
            runtime.block_on(body(Name(name)));
        }
        Err(_) => outside(&test_name::<F>()),
    }
}

/// The same where something is found that the test needs besides.
pub fn play_with<T, F>(what: &str, found: Option<T>, body: F)
where
    F: AsyncFnOnce(Name),
{
    match found {
        Some(_) => play(body),
        None => cannot(&format!("{}: there is no {what}", test_name::<F>())),
    }
}

fn outside(test: &str) {
    SWEPT.call_once(sweep);
    let _place = Place::take();
    let net = match Net::lay() {
        Ok(net) => net,
        Err(error) => return cannot(&format!("{test}: {error}")),
    };
    let entrance = Name::entrance(&net.name().hub());
    let program = std::env::current_exe().expect("this program has a path");
    let played = Command::new(&entrance[0])
        .args(&entrance[1..])
        .arg(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, &net.name().0)
        .output()
        .expect("the network was laid with the same program");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&played.stdout),
        String::from_utf8_lossy(&played.stderr)
    );
    assert!(
        played.status.success() && said.contains("1 passed"),
        "{test}, in a network of its own:\n{said}"
    );
}

/// Says it past the test runner, which shows nothing of tests that pass.
fn cannot(why: &str) {
    let required = std::env::var_os(WISH).is_some_and(|wish| wish == "required");
    assert!(!required, "{WISH}=required, and it cannot be run: {why}");
    // Nobody may read it.
    let _ = writeln!(std::io::stderr(), "not run: {why}");
}

/// As the test runner calls it: the path of the function that `F` is a closure of, without the crate.
fn test_name<F>() -> String {
    let path = type_name::<F>();
    let path = path.split("::{{closure}}").next().unwrap_or(path);
    let (_crate, test) = path.split_once("::").expect("a test is in a crate");
    test.to_owned()
}

/// A right to one network.
struct Place;

impl Place {
    fn take() -> Self {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = FREED
            .wait_while(taken, |taken| *taken >= PLACES)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
        Self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
