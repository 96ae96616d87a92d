//! Colours, where they are wanted.

use anstyle::{AnsiColor, Effects, Style};

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    colour: bool,
}

/// What a text means. Colour only underlines what the words already say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    /// Lost, failed, refused.
    Bad,
    /// Under way, or not known.
    Warn,
    Good,
    /// Heads, and what must stand out.
    Strong,
    /// What matters less.
    Faint,
}

impl Palette {
    /// Nothing but the words.
    #[cfg(test)]
    pub const PLAIN: Self = Self { colour: false };

    /// With colours, or without.
    pub fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// The text, in its colour.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Tone::Warn => AnsiColor::Yellow.on_default(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
        };
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    /// Each line for itself, so that a pager that cuts lines cuts colours with them.
    pub fn paint_lines(self, tone: Tone, text: &str) -> String {
        text.lines()
            .map(|line| self.paint(tone, line) + "\n")
            .collect()
    }
}
