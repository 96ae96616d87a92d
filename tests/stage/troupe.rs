//! The world and those who play in it.

use std::net::TcpListener;
use std::path::PathBuf;

use failoverd::model::{Millis, RegionId};
use failoverd::sandbox::{Delays, Fault};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::child::{Circumstances, FAILOVERCTL};
use super::orders::Order;
use super::stage::{Ground, HOME, Props, STANDBY, Stage, quick};
use super::trio::{Seat, Trio};
use super::wait::{self, PATIENCE};
use super::{Arguments, Ready};

/// Each member's id and Region, in the order in which they are seated.
const MEMBERS: [(&str, &str); 5] = [
    ("ireland", HOME),
    ("frankfurt", STANDBY),
    ("stockholm", "eu-north-1"),
    ("paris", "eu-west-3"),
    ("milan", "eu-south-1"),
];

/// Everything that is on the stage.
pub struct Troupe {
    trio: Trio,
    /// As last asked for; what is to be cleared.
    lag: Option<Millis>,
}

impl Troupe {
    /// Everything is there and nobody runs.
    pub async fn furnished(arguments: &Arguments) -> Self {
        let props = Props {
            delays: slower(&quick(), arguments.slow),
            ..Props::default()
        };
        let stage = Stage::on(Ground::LOOPBACK, props).await;
        let count = usize::from(arguments.members);
        let ports = ports(arguments.port_base, 2 * count);
        let seat = |index: usize| Seat {
            id: MEMBERS[index].0,
            region: MEMBERS[index].1,
            // A member that is started again must be found where it was.
            api: format!("127.0.0.1:{}", ports[index]),
            peer: ([127, 0, 0, 1], ports[count + index]).into(),
            data_dir: None,
            circumstances: circumstances(),
        };
        // As long as this process: it is one argument.
        let soak: &'static str = Box::leak(arguments.soak.clone().into_boxed_str());
        let trio = Trio::seated_on(stage, (0..count).map(seat).collect(), soak);
        if let Some(file) = &arguments.config_extra {
            let extra = std::fs::read_to_string(file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            for index in 0..count {
                let path = trio.config(index);
                let own = std::fs::read_to_string(path).expect("it was written");
                std::fs::write(path, own + "\n" + &extra).expect("it can be written");
            }
        }
        Self { trio, lag: None }
    }

    /// Starts everybody and waits.
    pub async fn open(&mut self, ready: Ready) {
        for index in 0..self.trio.daemons.len() {
            self.trio.start(index);
        }
        for index in 0..self.trio.daemons.len() {
            self.trio.daemon(index).api().await;
        }
        match ready {
            Ready::Serving => {}
            Ready::Steady => self.trio.becomes_steady().await,
        }
    }

    /// Where everything is.
    pub fn tell(&self) -> Value {
        let members = (0..self.trio.daemons.len()).map(|index| {
            let seat = self.trio.seat(index);
            json!({
                "id": seat.id,
                "region": seat.region,
                "api": format!("http://{}", seat.api),
                "config": self.trio.config(index),
            })
        });
        json!({
            "members": members.collect::<Vec<_>>(),
            "config": self.trio.config(0),
            "failoverctl": FAILOVERCTL.as_str(),
            "dir": self.trio.stage.folder(),
        })
    }

    /// What came of an order.
    pub async fn follow(&mut self, order: Order) -> Result<Value, String> {
        let done = json!({ "ok": true });
        match order {
            Order::RegionDown(region) => self.trio.stage.inject(down(&region)?),
            Order::RegionUp(region) => self.clear(&down(&region)?)?,
            Order::Kill(member) => {
                let index = self.running(&member)?;
                self.trio.kill_9(index);
            }
            Order::Start(member) => {
                let index = self.seated(&member)?;
                if self.running(&member).is_ok() {
                    return Err(format!("{member} runs already"));
                }
                self.trio.start(index);
                self.serves(index).await?;
            }
            Order::Freeze(member) => self.signal(&member, Signal::STOP)?,
            Order::Thaw(member) => self.signal(&member, Signal::CONT)?,
            Order::Lag(lag) => self.lag(Millis(lag))?,
            Order::Inject(fault) => self.trio.stage.inject(fault),
            Order::Clear(fault) => self.clear(&fault)?,
            Order::Log(member) => {
                let path = self.log(&member)?;
                return Ok(json!({ "ok": true, "path": path }));
            }
            Order::Quit => {}
        }
        Ok(done)
    }

    fn clear(&self, fault: &Fault) -> Result<(), String> {
        if self.trio.stage.world.clear(fault) {
            Ok(())
        } else {
            Err(format!("it was not on: {fault:?}"))
        }
    }

    fn lag(&mut self, lag: Millis) -> Result<(), String> {
        if let Some(lag) = self.lag.take() {
            self.clear(&Fault::Lag { lag })?;
        }
        if lag > Millis(0) {
            self.trio.stage.inject(Fault::Lag { lag });
            self.lag = Some(lag);
        }
        Ok(())
    }

    fn signal(&self, member: &str, signal: Signal) -> Result<(), String> {
        let index = self.running(member)?;
        let daemon = self.trio.daemons[index].as_ref();
        daemon.ok_or("it is gone")?.signal(signal);
        Ok(())
    }

    fn log(&self, member: &str) -> Result<PathBuf, String> {
        let index = self.running(member)?;
        let daemon = self.trio.daemons[index].as_ref().ok_or("it is gone")?;
        let path = self.trio.stage.folder().join(format!("{member}.log"));
        std::fs::write(&path, daemon.log().text()).map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// Waits until it serves its API, or says why it ended.
    async fn serves(&mut self, index: usize) -> Result<(), String> {
        let daemon = self.trio.daemon(index);
        let found = wait::for_some(PATIENCE, async || {
            if let Some(status) = daemon.has_ended() {
                return Some(Err(format!("it ended, {status}: {}", daemon.log().text())));
            }
            daemon.log().said("failoverd runs").map(|_| Ok(()))
        })
        .await;
        found.unwrap_or_else(|| Err("it does not serve".to_owned()))
    }

    fn seated(&self, member: &str) -> Result<usize, String> {
        let seats = 0..self.trio.daemons.len();
        let ids: Vec<&str> = seats.map(|index| self.trio.seat(index).id).collect();
        let found = ids.iter().position(|id| *id == member);
        found.ok_or_else(|| format!("no member {member:?}; there are {}", ids.join(", ")))
    }

    fn running(&self, member: &str) -> Result<usize, String> {
        let index = self.seated(member)?;
        match self.trio.daemons[index] {
            Some(_) => Ok(index),
            None => Err(format!("{member} does not run")),
        }
    }
}

fn down(region: &str) -> Result<Fault, String> {
    if [HOME, STANDBY].contains(&region) {
        let region = RegionId::from(region);
        return Ok(Fault::RegionDown { region });
    }
    Err(format!(
        "the product is in {HOME} and {STANDBY}, not in {region:?}"
    ))
}

/// With credentials; on Linux the kernel ends it with this process, however that ends.
fn circumstances() -> Circumstances {
    let mut usual = Circumstances::usual();
    if cfg!(target_os = "linux") {
        let words = ["setpriv", "--pdeathsig", "KILL"];
        usual.entrance = words.map(str::to_owned).to_vec();
    }
    usual
}

/// Each so many times as long.
fn slower(delays: &Delays, times: u64) -> Delays {
    let mut fields = serde_json::to_value(delays).expect("numbers by name");
    for value in fields
        .as_object_mut()
        .into_iter()
        .flat_map(|f| f.values_mut())
    {
        *value = json!(value.as_u64().unwrap_or(0) * times);
    }
    serde_json::from_value(fields).expect("numbers by name")
}

fn ports(base: Option<u16>, count: usize) -> Vec<u16> {
    if let Some(base) = base {
        return (base..).take(count).collect();
    }
    // Free ones, all held until all are known.
    let held: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let local = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    held.iter().map(local).collect()
}
