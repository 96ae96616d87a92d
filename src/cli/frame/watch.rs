//! `--watch`: the same question again and again, until Ctrl-C.
//!
//! ```text
//!  a terminal, table   drawn over, no taller than the screen; in trouble the last answer stays below
//!  anything else       appended when something has changed that is not only an age
//! ```

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{ClientError, Ended, Format, Frame, Palette, Stop, Tone, moment, wrapped};
use crate::cli::{Exit, output};

/// As typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct RawWatch {
    /// Ask again and again, every so often (2s if not said), until Ctrl-C
    ///
    /// At a terminal it is drawn over; into a pipe it is appended whenever something has changed.
    #[arg(
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "2s",
        value_parser = interval
    )]
    pub watch: Option<Duration>,
}

/// `500ms`, `2s`, `1m`: no less than a tenth of a second.
fn interval(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return Err("give it as 500ms, 2s or 1m".to_owned()),
    };
    match number.parse::<u32>().ok().map(|n| u64::from(n) * unit) {
        Some(ms @ 100..=3_600_000) => Ok(Duration::from_millis(ms)),
        Some(_) => Err("it is between 100ms and 60m".to_owned()),
        None => Err("give it as 500ms, 2s or 1m".to_owned()),
    }
}

/// Shows what `fetch` gets, once or again and again.
///
/// # Errors
/// There is no answer, and asking again would not help.
pub fn watch<T: Serialize>(
    frame: &Frame,
    raw: RawWatch,
    mut fetch: impl FnMut() -> Result<T, ClientError>,
    table: impl Fn(&T, Palette) -> String,
) -> Ended {
    let Some(every) = raw.watch else {
        return Ok(frame.show(&fetch()?, Exit::Good, table));
    };
    frame.client.catch_interrupts();
    let mut screen = Screen::new(frame, every);
    loop {
        let ended = match fetch() {
            Ok(answer) => screen.show(&answer, &table),
            Err(error) if error.may_pass() => screen.trouble(&error),
            Err(ClientError::Interrupted) => return Ok(Exit::Good),
            Err(error) => return Err(Stop::Client(error)),
        };
        // Nobody reads any more.
        if ended {
            return Ok(Exit::Good);
        }
        match frame.client.pause(every) {
            Ok(()) => {}
            Err(ClientError::Interrupted) => return Ok(Exit::Good),
            Err(error) => return Err(Stop::Client(error)),
        }
    }
}

/// Where the answers go.
struct Screen<'a> {
    frame: &'a Frame,
    every: Duration,
    redraws: bool,
    /// What was last appended, without its ages; the last trouble told.
    last: Option<Value>,
    trouble: Option<String>,
    /// What was last drawn.
    drawn: String,
}

impl<'a> Screen<'a> {
    fn new(frame: &'a Frame, every: Duration) -> Self {
        Self {
            frame,
            every,
            redraws: frame.output == Format::Table && stdout().is_terminal(),
            last: None,
            trouble: None,
            drawn: String::new(),
        }
    }

    /// Whether that is the end.
    fn show<T: Serialize>(&mut self, answer: &T, table: &impl Fn(&T, Palette) -> String) -> bool {
        self.trouble = None;
        if self.redraws {
            self.drawn = table(answer, self.frame.palette);
            return self.draw("");
        }
        let mut value = serde_json::to_value(answer).unwrap_or(Value::Null);
        strip_ages(&mut value);
        if self.last.as_ref() == Some(&value) {
            return false;
        }
        let first = self.last.replace(value).is_none();
        let text = match self.frame.output {
            Format::Table => {
                let gap = if first { "" } else { "\n" };
                format!("{gap}{}", table(answer, self.frame.palette))
            }
            // One object a line, for whoever reads lines.
            Format::Json => match serde_json::to_string(answer) {
                Ok(text) => text + "\n",
                Err(error) => format!("{error}\n"),
            },
            Format::Yaml => {
                let text = self.frame.output.written(answer);
                format!("---\n{}", text.unwrap_or_else(|error| error))
            }
        };
        !output::more(&text)
    }

    fn trouble(&mut self, error: &ClientError) -> bool {
        let text = error.render();
        if self.redraws {
            let text = self.frame.palette.paint_lines(Tone::Bad, &text);
            return self.draw(&format!("{text}\n"));
        }
        if self.trouble.as_ref() != Some(&text) {
            output::complain(text.trim_end());
            self.trouble = Some(text);
            // What comes after the trouble is told again.
            self.last = None;
        }
        false
    }

    fn draw(&self, above: &str) -> bool {
        let now = i64::try_from(self.frame.client.now().0)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .map_or_else(String::new, |at| moment(&at.to_string()));
        let seconds = self.every.as_secs_f64();
        let head = wrapped("", &format!("Every {seconds} s · {now} · Ctrl-C ends it"));
        let head = self.frame.palette.paint_lines(Tone::Faint, &head);
        let whole = format!("{head}\n{above}{}", self.drawn);
        !output::more(&over(&whole, rows()))
    }
}

/// `text` drawn over what is on the screen, and no taller than it.
fn over(text: &str, rows: usize) -> String {
    const HOME: &str = "\x1b[H";
    const REST_OF_LINE: &str = "\x1b[K";
    const REST_OF_SCREEN: &str = "\x1b[J";
    let lines: Vec<&str> = text.lines().collect();
    // The last row stays free: a line's end there would scroll.
    let room = rows.saturating_sub(1).max(2);
    let mut drawn = HOME.to_owned();
    let shown = if lines.len() > room {
        room - 1
    } else {
        lines.len()
    };
    for line in &lines[..shown] {
        // Writing to a String cannot fail.
        let _ = writeln!(drawn, "{line}{REST_OF_LINE}");
    }
    if shown < lines.len() {
        let hidden = lines.len() - shown;
        let _ = writeln!(
            drawn,
            "… {hidden} more lines: without --watch all are shown{REST_OF_LINE}"
        );
    }
    drawn + REST_OF_SCREEN
}

/// Rows of the terminal at standard output.
fn rows() -> usize {
    rustix::termios::tcgetwinsize(stdout())
        .ok()
        .map(|size| usize::from(size.ws_row))
        .filter(|rows| *rows > 0)
        .unwrap_or(24)
}

/// Takes out what changes by itself: ages, present times, samples that go on coming.
fn strip_ages(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !ages(name));
            fields.values_mut().for_each(strip_ages);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_ages),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn ages(name: &str) -> bool {
    matches!(
        name,
        "at" | "lag"
            | "applied"
            | "cool_down_ms"
            | "last_heard_ms"
            | "remaining_ms"
            | "successes_in_row"
            | "took_ms"
    ) || name.ends_with("age_ms")
        || name.ends_with("_for_ms")
        || name.ends_with("checked_at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_short_time() {
        for (text, ms) in [("2s", 2_000), ("500ms", 500), ("1m", 60_000), ("3", 3_000)] {
            assert_eq!(interval(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "0s", "10ms", "2h", "-1s", "fast", "99999999999s"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_only_grows_older_has_not_changed() {
        let of = |age: u64, opinion: &str| {
            let mut value = serde_json::json!({
                "at": age,
                "votes": [{ "age_ms": age, "failing_for_ms": age, "opinion": opinion }],
            });
            strip_ages(&mut value);
            value
        };
        assert_eq!(of(1, "up"), of(2, "up"));
        assert_ne!(of(1, "up"), of(1, "down"));
    }

    #[test]
    fn a_screen_is_not_scrolled() {
        let text: String = (1..=40).map(|n| format!("line {n}\n")).collect();
        let drawn = over(&text, 24);
        assert_eq!(
            drawn.lines().filter(|line| line.contains("line ")).count(),
            22
        );
        assert!(drawn.contains("… 18 more lines"), "{drawn}");
        assert_eq!(over("a\nb\n", 24), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
    }
}
