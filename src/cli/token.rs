//! `failoverctl token new`: a token drawn here, and the block that makes members know it.
//!
//! Nothing is asked of anybody and nothing is written: an admin puts the block into the file of tokens,
//! by hand or by whatever puts files onto hosts.
//!
//! Invariant: the token is printed once, and never stands where its hash does.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Exit, output};
use crate::api::{TOKEN_BYTES, token_hash, token_of};
use crate::runbook::spanned::parse_duration;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct NewToken {
    /// Whose it is, as it will stand in the audit
    #[arg(long, value_name = "NAME", value_parser = caller)]
    pub name: String,
    /// What it may do
    #[arg(long, value_name = "ROLE", value_parser = ["viewer", "operator", "admin"])]
    pub role: String,
    /// Of this application alone; may be given several times [default: every one]
    #[arg(long = "application", value_name = "NAME", value_parser = caller)]
    pub applications: Vec<String>,
    /// Until when: a date, a moment in UTC, or how long from now, such as 90d [default: for good]
    #[arg(long, value_name = "DATE|DURATION")]
    pub expires: Option<String>,
}

/// A name of one short line.
fn caller(name: &str) -> Result<String, String> {
    let plain = !name.trim().is_empty()
        && name.chars().count() <= 64
        && !name.chars().any(char::is_control);
    if plain && name != "quorum" {
        Ok(name.to_owned())
    } else {
        Err("up to 64 characters in one line, and not `quorum`".to_owned())
    }
}

/// Draws one, and prints it.
pub fn new(asked: &NewToken) -> Exit {
    #[expect(
        clippy::disallowed_methods,
        reason = "a token's end is of this host's calendar, and no daemon runs here"
    )]
    let now = Timestamp::now();
    let expires = asked.expires.as_deref().map(|text| moment(text, now));
    let expires = match expires.transpose() {
        Ok(expires) => expires,
        Err(why) => {
            output::complain(&format!("error: {why}"));
            return Exit::Usage;
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret is drawn, not derived from a seed"
    )]
    let random: [u8; TOKEN_BYTES] = rand::random();
    output::answer(&text(asked, expires, &token_of(&random)), Exit::Good)
}

/// When it ends: in the future, or why not.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let not = |why: String| {
        format!("--expires `{text}`: {why}; write 2027-06-30, 2027-06-30T12:00:00Z or 90d")
    };
    let at = if let Ok(length) = parse_duration(text) {
        now.checked_add(length.as_duration())
            .map_err(|error| not(error.to_string()))?
    } else if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else {
        let date: Date = text.parse().map_err(|_| not("no date".to_owned()))?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC);
        midnight
            .map_err(|error| not(error.to_string()))?
            .timestamp()
    };
    if at <= now {
        return Err(not("it is over by now".to_owned()));
    }
    Ok(at)
}

fn text(asked: &NewToken, expires: Option<Timestamp>, token: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut block = format!(
        "[[token]]\nname = {}\nrole = {}\n",
        quoted(&asked.name),
        quoted(&asked.role)
    );
    if !asked.applications.is_empty() {
        let apps: Vec<String> = asked.applications.iter().map(|app| quoted(app)).collect();
        block.push_str(&format!("applications = [{}]\n", apps.join(", ")));
    }
    block.push_str(&format!("sha256 = {}\n", quoted(&token_hash(token))));
    if let Some(expires) = expires {
        block.push_str(&format!("expires = \"{expires:.0}\"\n"));
    }
    format!(
        "{token}\n\nIt is not shown again. Hand it to {} over a safe way, as FAILOVERCTL_TOKEN.\nAdd \
         this to the file of tokens of every member; it is taken within seconds:\n\n{block}",
        asked.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(applications: &[&str]) -> NewToken {
        NewToken {
            name: "ada \"the\" first".to_owned(),
            role: "operator".to_owned(),
            applications: applications.iter().map(|&app| app.to_owned()).collect(),
            expires: None,
        }
    }

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_end_is_a_date_a_moment_or_a_length() {
        let of = |text| moment(text, now()).map(|at| at.to_string());
        assert_eq!(of("2027-06-30"), Ok("2027-06-30T00:00:00Z".to_owned()));
        assert_eq!(
            of("2027-06-30T12:00:00Z"),
            Ok("2027-06-30T12:00:00Z".to_owned())
        );
        assert_eq!(of("24h"), Ok("2026-11-21T12:00:00Z".to_owned()));
        for bad in ["", "soon", "2020-01-01", "2026-02-30"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_block_is_what_a_member_reads() {
        let token = token_of(&std::array::from_fn(|n| u8::try_from(n * 7).unwrap()));
        let text = text(&asked(&["shop", "bank"]), Some(now()), &token);
        insta::assert_snapshot!(text);
        let (_, block) = text.split_once("[[token]]").expect("a block");
        assert!(!block.contains(&token), "the hash alone stands in the file");
        let read: toml::Table = toml::from_str(&format!("[[token]]{block}")).expect("TOML");
        assert_eq!(read["token"][0]["name"].as_str(), Some("ada \"the\" first"));
        assert_eq!(
            read["token"][0]["sha256"].as_str(),
            Some(token_hash(&token).as_str())
        );
    }
}
