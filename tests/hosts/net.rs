//! A network of its own for each test: a namespace with a bridge, and one for each host.
//!
//! Everything is inside of namespaces: the host's own interfaces, routes and filters are not touched,
//! and the same addresses serve every network at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

/// How many hosts a network has.
pub const HOSTS: usize = 3;

/// The first two octets of every address.
pub const NETWORK: [u8; 2] = [10, 86];

/// Where the emulated AWS listens.
pub const AWS: Ipv4Addr = Ipv4Addr::new(NETWORK[0], NETWORK[1], 0, 1);

/// The last two octets of what the product listens on: two Regions, the front door, three references.
const PRODUCT: [[u8; 2]; 6] = [[2, 1], [2, 2], [2, 100], [3, 1], [3, 2], [3, 3]];

/// Where namespaces have their names.
const NAMES: &str = "/run/netns";

/// All names of ours begin so; a process id and a number follow.
const PREFIX: &str = "fo";

/// Numbers the networks of this process.
static LAID: AtomicU32 = AtomicU32::new(0);

/// A network that stands; it goes with this.
pub struct Net(Name);

/// What a network's namespaces are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub String);

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    #[error("only root may make network namespaces")]
    NotRoot,
    #[error("there is no `{program}`: {source}")]
    Missing { program: String, source: io::Error },
    #[error("`{command}`: {said}")]
    Failed { command: String, said: String },
}

impl Net {
    /// Makes one.
    pub fn lay() -> Result<Self, NetError> {
        if !rustix::process::geteuid().is_root() {
            return Err(NetError::NotRoot);
        }
        let number = LAID.fetch_add(1, Ordering::Relaxed);
        let name = Name(format!("{PREFIX}{}-{number}", std::process::id()));
        let net = Self(name.clone());
        let hub = name.hub();
        run(&["ip", "netns", "add", &hub])?;
        ip(&hub, "link set dev lo up")?;
        ip(&hub, "link add name br0 type bridge")?;
        ip(&hub, "link set dev br0 up")?;
        let product = PRODUCT.map(|[c, d]| Ipv4Addr::new(NETWORK[0], NETWORK[1], c, d));
        for address in [AWS].into_iter().chain(product) {
            ip(&hub, &format!("address add {address}/16 dev br0"))?;
        }
        for index in 0..HOSTS {
            let host = name.host(index);
            run(&["ip", "netns", "add", &host])?;
            let port = format!("to-{index}");
            ip(
                &hub,
                &format!("link add name {port} type veth peer name eth0 netns {host}"),
            )?;
            ip(&hub, &format!("link set dev {port} master br0 up"))?;
            ip(&host, "link set dev lo up")?;
            ip(&host, "link set dev eth0 up")?;
            let address = address(index);
            ip(&host, &format!("address add {address}/16 dev eth0"))?;
            // The first rule loads what the filter needs, or tells that it is not there.
            name.filter(index, &["--flush"])?;
        }
        Ok(net)
    }

    pub fn name(&self) -> &Name {
        &self.0
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        self.0.remove();
    }
}

impl Name {
    /// Where the test and the world are.
    pub fn hub(&self) -> String {
        format!("{}-hub", self.0)
    }

    /// Where a member is.
    pub fn host(&self, index: usize) -> String {
        format!("{}-{index}", self.0)
    }

    /// What becomes the program named after it, in that namespace, as the same process.
    pub fn entrance(namespace: &str) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net={NAMES}/{namespace}")]
    }

    /// From now on what `from` sends does not arrive at `to`.
    pub fn cut(&self, from: usize, to: usize) {
        let from = address(from).to_string();
        self.rule(
            to,
            &["--append", "INPUT", "--source", &from, "--jump", "DROP"],
        );
    }

    /// From now on neither hears the other.
    pub fn part(&self, one: usize, other: usize) {
        self.cut(one, other);
        self.cut(other, one);
    }

    /// From now on everything arrives.
    pub fn mend(&self) {
        for host in 0..HOSTS {
            self.rule(host, &["--flush"]);
        }
    }

    #[track_caller]
    fn rule(&self, host: usize, words: &[&str]) {
        if let Err(error) = self.filter(host, words) {
            panic!("{error}");
        }
    }

    fn filter(&self, host: usize, words: &[&str]) -> Result<(), NetError> {
        let mut command = Self::entrance(&self.host(host));
        command.extend(["iptables".to_owned(), "--wait".to_owned()]);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        run(&[&command[..], words].concat())
    }

    /// Ends what runs in its namespaces, and takes them away.
    fn remove(&self) {
        for namespace in (0..HOSTS).map(|index| self.host(index)).chain([self.hub()]) {
            discard(&namespace);
        }
    }
}

/// A member's address.
pub fn address(index: usize) -> IpAddr {
    let last = u8::try_from(index + 1).expect("there are few hosts");
    IpAddr::V4(Ipv4Addr::new(NETWORK[0], NETWORK[1], 1, last))
}

/// Takes away what test runs left that were killed.
pub fn sweep() {
    let Ok(names) = std::fs::read_dir(NAMES) else {
        return;
    };
    for name in names.filter_map(Result::ok) {
        let name = name.file_name().to_string_lossy().into_owned();
        let process: Option<u32> = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('-'))
            .and_then(|(process, _)| process.parse().ok());
        let Some(process) = process else { continue };
        if !Path::new(&format!("/proc/{process}")).exists() {
            discard(&name);
        }
    }
}

/// Gone already, most often: nothing here may fail a test.
fn discard(namespace: &str) {
    if !Path::new(NAMES).join(namespace).exists() {
        return;
    }
    if let Ok(inside) = output(&["ip", "netns", "pids", namespace]) {
        let pids = String::from_utf8_lossy(&inside.stdout).into_owned();
        for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
    if let Err(error) = run(&["ip", "netns", "del", namespace]) {
        eprintln!("{namespace} is left behind: {error}");
    }
}

fn ip(namespace: &str, words: &str) -> Result<(), NetError> {
    let words: Vec<&str> = words.split(' ').collect();
    run(&[&["ip", "-n", namespace], &words[..]].concat())
}

fn run(words: &[&str]) -> Result<(), NetError> {
    let ended = output(words)?;
    if ended.status.success() {
        return Ok(());
    }
    Err(NetError::Failed {
        command: words.join(" "),
        said: String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
    })
}

fn output(words: &[&str]) -> Result<Output, NetError> {
    let ended = Command::new(words[0]).args(&words[1..]).output();
    ended.map_err(|source| NetError::Missing {
        program: words[0].to_owned(),
        source,
    })
}
