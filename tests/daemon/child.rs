//! One life of the daemon: a child process, its log, and what it serves.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::metrics::Metrics;
use super::wait::{self, PATIENCE};

pub static FAILOVERD: LazyLock<String> =
    LazyLock::new(|| program("failoverd", option_env!("CARGO_BIN_EXE_failoverd")));
pub static FAILOVERCTL: LazyLock<String> =
    LazyLock::new(|| program("failoverctl", option_env!("CARGO_BIN_EXE_failoverctl")));

/// The longest for one answer of the daemon's API.
const ANSWER: Duration = Duration::from_secs(10);

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: Log,
}

/// The lines that a daemon wrote to its standard error.
#[derive(Clone, Debug)]
pub struct Log(pub Vec<String>);

/// How a daemon is started, beside its configuration.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Variables, beside those without which nothing starts.
    pub variables: Vec<(String, String)>,
    /// A shell's words before it becomes the daemon: limits, ignored signals.
    pub shell: Option<String>,
    /// A command that becomes the program which is named after it, elsewhere: another namespace.
    pub entrance: Vec<String>,
}

impl Circumstances {
    /// With credentials that the sandbox takes.
    pub fn usual() -> Self {
        Self::default()
            .with("AWS_ACCESS_KEY_ID", "AKIATEST")
            .with("AWS_SECRET_ACCESS_KEY", "test")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Where a program of this package is. Cargo tells a test; an example lies in a folder beside them.
fn program(name: &str, told: Option<&str>) -> String {
    let beside = || {
        let own = std::env::current_exe().expect("it has a path");
        let profile = own.parent().and_then(Path::parent);
        profile.map(|profile: &Path| profile.join(name))
    };
    let path = told.map(PathBuf::from).or_else(beside);
    let path = path.expect("an example lies two folders down");
    assert!(path.is_file(), "no {}: run `cargo build`", path.display());
    path.display().to_string()
}

/// A command in an environment of its own: nothing of this host's AWS set-up reaches it.
pub fn clean(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // No instance is asked for credentials, wherever this runs.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

impl Daemon {
    pub fn start(config: &Path, circumstances: &Circumstances) -> Self {
        let arguments: [OsString; 4] = [
            "--config".into(),
            config.into(),
            "--log-format".into(),
            "json".into(),
        ];
        let mut words = circumstances.entrance.clone();
        if let Some(before) = &circumstances.shell {
            words.extend(["sh".to_owned(), "-c".to_owned()]);
            words.push(format!("{before}\nexec \"$0\" \"$@\""));
        }
        words.push(FAILOVERD.clone());
        let mut child = clean(&words[0])
            .args(&words[1..])
            .args(arguments)
            .envs(circumstances.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("failoverd starts");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        let kept = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().expect("nobody panics with it").push(line);
            }
        });
        Self {
            child,
            log,
            reader: Some(reader),
        }
    }

    pub fn log(&self) -> Log {
        Log(self.log.lock().expect("nobody panics with it").clone())
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until it serves its API, and says where.
    pub async fn api(&mut self) -> SocketAddr {
        let line = self
            .until("the daemon runs", async |daemon| {
                daemon.log().said("failoverd runs")
            })
            .await;
        let api = line["api"].as_str().expect("the line names the API");
        api.parse().expect("it is an address")
    }

    /// The status and text of a page.
    pub async fn page(&mut self, path: &str) -> Option<(u16, String)> {
        let api = self.log().said("failoverd runs")?["api"]
            .as_str()?
            .parse()
            .ok()?;
        let answer = tokio::time::timeout(ANSWER, get(api, path)).await.ok()?;
        answer.ok()
    }

    pub async fn metrics(&mut self) -> Option<Metrics> {
        let (status, text) = self.page("/metrics").await?;
        (status == 200).then(|| Metrics::parse(&text))
    }

    /// Waits until the metrics say so.
    pub async fn shows(&mut self, what: &str, is: impl Fn(&Metrics) -> bool) -> Metrics {
        self.until(what, async |daemon| {
            daemon.metrics().await.filter(|metrics| is(metrics))
        })
        .await
    }

    /// Waits until `look` finds something while the daemon lives.
    pub async fn until<T>(
        &mut self,
        what: &str,
        mut look: impl AsyncFnMut(&mut Self) -> Option<T>,
    ) -> T {
        let found = wait::for_some(PATIENCE, async || {
            if let Some(status) = self.has_ended() {
                panic!(
                    "waiting until {what}: the daemon ended, {status}\n{}",
                    self.log()
                );
            }
            look(self).await
        })
        .await;
        match found {
            Some(found) => found,
            None => {
                let metrics = self.metrics().await.unwrap_or_default();
                panic!("{what}: it never was\n{}{}", metrics.brief(), self.log());
            }
        }
    }

    /// As a power cut would.
    pub fn kill_9(mut self) -> Log {
        self.child.kill().expect("it is our child");
        self.gone().log
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is our child");
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is our child")
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> Ended {
        let ended = wait::for_some(PATIENCE, async || self.has_ended()).await;
        assert!(ended.is_some(), "it goes on running\n{}", self.log());
        self.gone()
    }

    fn gone(&mut self) -> Ended {
        let status = self.child.wait().expect("it is our child");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader does not panic");
        }
        Ended {
            status,
            log: self.log(),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Gone already, most often.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    /// The last line with that message, if it is one of the log's own.
    pub fn said(&self, message: &str) -> Option<Value> {
        self.objects().rfind(|line| {
            line["message"]
                .as_str()
                .is_some_and(|said| said.contains(message))
        })
    }

    /// The last line about that step that has these words anywhere.
    pub fn tells_of(&self, step: &str, words: &str) -> Option<Value> {
        self.objects()
            .rfind(|line| line["step"] == step && line.to_string().contains(words))
    }

    /// Whether these words stand there, all in one line.
    pub fn says(&self, words: &[&str]) -> bool {
        self.0
            .iter()
            .any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// Every line that is one of the log's own.
    fn objects(&self) -> impl DoubleEndedIterator<Item = Value> {
        self.0
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    }

    /// Fails unless [`Log::says`].
    #[track_caller]
    pub fn must_say(&self, words: &[&str]) {
        assert!(self.says(words), "no line says {words:?}:\n{self}");
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.0.join("\n")
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.0 {
            writeln!(f, "  | {line}")?;
        }
        Ok(())
    }
}

pub async fn get(api: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(api).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {api}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let cut = || std::io::Error::other(format!("a cut answer: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((status.ok_or_else(cut)?, body.to_owned()))
}
