//! What may be asked of the stage, one line each.

use std::str::FromStr;

use failoverd::sandbox::Fault;

/// One line of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    RegionDown(String),
    RegionUp(String),
    Kill(String),
    Start(String),
    Freeze(String),
    Thaw(String),
    /// In milliseconds.
    Lag(u64),
    Inject(Fault),
    Clear(Fault),
    Log(String),
    Quit,
}

impl FromStr for Order {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let word = |what: &str| match rest {
            "" => Err(format!("{verb} which {what}?")),
            _ => Ok(rest.to_owned()),
        };
        match verb {
            "region-down" => Ok(Self::RegionDown(word("Region")?)),
            "region-up" => Ok(Self::RegionUp(word("Region")?)),
            "kill" => Ok(Self::Kill(word("member")?)),
            "start" => Ok(Self::Start(word("member")?)),
            "freeze" => Ok(Self::Freeze(word("member")?)),
            "thaw" => Ok(Self::Thaw(word("member")?)),
            "lag" => match rest.parse() {
                Ok(lag) => Ok(Self::Lag(lag)),
                Err(_) => Err(format!("lag {rest:?} is no number of milliseconds")),
            },
            "inject" => fault(rest).map(Self::Inject),
            "clear" => fault(rest).map(Self::Clear),
            "log" => Ok(Self::Log(word("member")?)),
            "quit" => Ok(Self::Quit),
            _ => Err(format!(
                "{verb:?} is no order; there are region-down, region-up, kill, start, freeze, thaw, \
                 lag, inject, clear, log and quit"
            )),
        }
    }
}

fn fault(text: &str) -> Result<Fault, String> {
    serde_json::from_str(text).map_err(|error| format!("no fault: {error}"))
}
