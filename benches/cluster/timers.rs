//! The timers that are measured: those of production, not those of the suites.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

/// `[cluster]`: the default of each.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
pub const ELECTION_MIN: Duration = Duration::from_millis(1_500);
/// Also the lease.
pub const ELECTION_MAX: Duration = Duration::from_secs(3);
/// `[detection] gossip`: the default.
pub const GOSSIP: Duration = Duration::from_secs(1);
/// `[aws] call_timeout`: the default.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Takes the suites' timers out of a member's configuration, so that every default holds but these:
/// no grace at the start, the hold-down that was asked for, and a soak that is short, because nothing
/// is measured in it. The others are reached at `addresses`.
pub fn set(path: &Path, hold_down: Duration, addresses: &[SocketAddr]) {
    let text = std::fs::read_to_string(path).expect("the stage has written it");
    let mut config: Table = text.parse().expect("the stage writes TOML");
    config.remove("cluster");
    for timer in ["interval", "timeout", "fall", "rise", "gossip"] {
        table(&mut config, "detection").remove(timer);
    }
    table(&mut config, "aws").remove("call_timeout");
    let guards = [
        ("hold_down", format!("{}ms", hold_down.as_millis())),
        ("startup_grace", "0s".to_owned()),
        ("soak", "1s".to_owned()),
    ];
    let guards = guards.map(|(key, length)| (key.to_owned(), Value::String(length)));
    config.insert("guards".to_owned(), Value::Table(Table::from_iter(guards)));
    let members = config.get_mut("member").and_then(Value::as_array_mut);
    for (member, address) in members
        .expect("there are members")
        .iter_mut()
        .zip(addresses)
    {
        let member = member.as_table_mut().expect("each is a table");
        member.insert("address".to_owned(), Value::String(address.to_string()));
    }
    std::fs::write(path, config.to_string()).expect("the configuration is written");
}

fn table<'a>(config: &'a mut Table, name: &str) -> &'a mut Table {
    let table = config.get_mut(name).and_then(Value::as_table_mut);
    table.unwrap_or_else(|| panic!("the stage writes [{name}]"))
}
