//! A web server that nobody here wrote: probed, stopped and started.
//!
//! nginx where there is one. Elsewhere a thread of this process answers instead, so that the test
//! says something wherever it runs; `FAILOVERD_TEST_NGINX=required` makes its absence a failure.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use super::child::{Daemon, clean};
use super::stage::{HOME, Stage};
use super::wait::{self, PATIENCE};

const BODY: &str = "the shop is open";

#[tokio::test(flavor = "multi_thread")]
async fn a_real_web_server_is_probed_stopped_and_started() {
    let stage = Stage::new().await;
    let address = free_address();
    let server = match nginx() {
        Some(program) => {
            println!("probing nginx at {}", program.display());
            Server::Nginx(Nginx::new(program, stage.folder(), address))
        }
        None => {
            let required = std::env::var("FAILOVERD_TEST_NGINX");
            assert_ne!(
                required.as_deref(),
                Ok("required"),
                "FAILOVERD_TEST_NGINX=required, and there is no nginx: install Debian's package"
            );
            println!("there is no nginx here: a thread of this test answers in its place");
            Server::Thread(Answering::new(address))
        }
    };
    aim_at(&stage, address);

    let mut running = server.start().await;
    let mut daemon = stage.daemon();
    daemon.api().await;
    votes(&mut daemon, "up").await;
    running.stop();
    votes(&mut daemon, "down").await;
    daemon
        .shows("a closed port is said to refuse", |metrics| {
            let labels = [("region", HOME), ("result", "connect_refused")];
            metrics
                .value("probe_samples_total", &labels)
                .is_some_and(|count| count >= 3.0)
        })
        .await;
    let mut running = server.start().await;
    votes(&mut daemon, "up").await;
    running.stop();
    stage.untouched();
    drop(daemon);
    stage.strike().await;
}

async fn votes(daemon: &mut Daemon, opinion: &str) {
    daemon
        .shows(&format!("it votes {opinion}"), |metrics| {
            metrics.is("vote", &[("region", HOME), ("state", opinion)])
                && metrics.is("verdict", &[("region", HOME), ("state", opinion)])
        })
        .await;
}

/// The home Region's probe asks that address; and nothing comes of it but votes.
fn aim_at(stage: &Stage, address: SocketAddr) {
    let text = std::fs::read_to_string(&stage.config).expect("it is there");
    let url = text
        .lines()
        .find(|line| line.starts_with("url = ") && line.ends_with("/healthz\""))
        .expect("the home Region comes first");
    let aimed = format!(
        "url = \"http://{address}/healthz\"\nbody_contains = \"{BODY}\"\n\
         expect_header = {{ name = \"x-region\", value = \"{HOME}\" }}"
    );
    stage.edit(url, &aimed);
    stage.edit("hold_down = \"500ms\"", "hold_down = \"1h\"");
}

/// An address and port that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.2.80:0").expect("a free port");
    listener.local_addr().expect("it is bound")
}

fn nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        // Where Debian has it, which is not in everybody's path.
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("nginx"))
        .find(|program| program.is_file())
}

enum Server {
    Nginx(Nginx),
    Thread(Answering),
}

enum Running {
    Nginx(Child),
    Thread {
        stop: Arc<AtomicBool>,
        address: SocketAddr,
        thread: Option<JoinHandle<()>>,
    },
}

impl Server {
    /// Starts it and waits until it takes connections.
    async fn start(&self) -> Running {
        let (running, address) = match self {
            Self::Nginx(nginx) => (Running::Nginx(nginx.start()), nginx.address),
            Self::Thread(answering) => (answering.start(), answering.address),
        };
        let listens = wait::for_some(PATIENCE, async || TcpStream::connect(address).ok()).await;
        assert!(listens.is_some(), "nobody listens on {address}");
        running
    }
}

impl Running {
    fn stop(&mut self) {
        match self {
            Self::Nginx(child) => {
                // Its own way: the master ends its workers. Gone already, if stopped before.
                let _ = kill_process(Pid::from_child(child), Signal::TERM);
                child.wait().expect("it is our child");
            }
            Self::Thread {
                stop,
                address,
                thread,
            } => {
                stop.store(true, Ordering::SeqCst);
                // Wakes it.
                let _ = TcpStream::connect(*address);
                if let Some(thread) = thread.take() {
                    thread.join().expect("it does not panic");
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Nginx(child) = self
            && let Ok(None) = child.try_wait()
        {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            let _ = child.wait();
        }
    }
}

/// nginx with a configuration and folders of its own, in the foreground.
struct Nginx {
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
}

impl Nginx {
    fn new(program: PathBuf, folder: &Path, address: SocketAddr) -> Self {
        let folder = folder.join("nginx");
        std::fs::create_dir(&folder).expect("the folder is the test's own");
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|what| format!("    {what}_temp_path {what};\n"))
            .collect();
        let text = format!(
            "daemon off;\npid nginx.pid;\nerror_log stderr;\nworker_processes 1;\n\
             events {{}}\nhttp {{\n    access_log off;\n{temporary}    server {{\n        \
             listen {address};\n        location = /healthz {{\n            \
             add_header x-region {HOME};\n            return 200 \"{BODY}\\n\";\n        }}\n    \
             }}\n}}\n"
        );
        std::fs::write(folder.join("nginx.conf"), text).expect("it can be written");
        Self {
            program,
            folder,
            address,
        }
    }

    fn start(&self) -> Child {
        let program = self.program.to_str().expect("a plain path");
        clean(program)
            .arg("-p")
            .arg(&self.folder)
            .args(["-c", "nginx.conf", "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts")
    }
}

/// The least that answers as nginx would.
struct Answering {
    address: SocketAddr,
}

impl Answering {
    fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    fn start(&self) -> Running {
        let listener = TcpListener::bind(self.address).expect("the port is still free");
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                answer(stream);
            }
        });
        Running::Thread {
            stop,
            address: self.address,
            thread: Some(thread),
        }
    }
}

fn answer(mut stream: TcpStream) {
    // A client that says nothing, or goes away, is nobody's concern here.
    let _ = stream.set_read_timeout(Some(std::time::Duration::from_secs(1)));
    let mut request = [0; 4_096];
    let _ = stream.read(&mut request);
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nx-region: {HOME}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{BODY}",
        BODY.len()
    );
}
