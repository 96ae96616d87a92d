//! What happened, line by line. Every line goes through a hash; only a replay keeps the text.

use std::collections::VecDeque;
use std::fmt::{self, Write};

/// What is done with the lines beside hashing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// The last so many, for the message of a failure.
    Last(usize),
    /// Printed as they come.
    Print,
}

#[derive(Debug)]
pub struct Trace {
    keep: Keep,
    hash: Fnv,
    lines: u64,
    kept: VecDeque<String>,
}

impl Trace {
    pub fn new(keep: Keep) -> Self {
        Self {
            keep,
            hash: Fnv(0xCBF2_9CE4_8422_2325),
            lines: 0,
            kept: VecDeque::new(),
        }
    }

    pub fn line(&mut self, at: u64, what: fmt::Arguments<'_>) {
        self.lines += 1;
        // Writing into a hash cannot fail.
        let _ = writeln!(self.hash, "{at} {what}");
        let text = || format!("{:>4}.{:03} {what}", at / 1_000, at % 1_000);
        match self.keep {
            Keep::Nothing => {}
            Keep::Print => println!("{}", text()),
            Keep::Last(many) => {
                if self.kept.len() >= many {
                    self.kept.pop_front();
                }
                self.kept.push_back(text());
            }
        }
    }

    /// Over every byte of every line.
    pub fn digest(&self) -> u64 {
        self.hash.0
    }

    pub fn lines(&self) -> u64 {
        self.lines
    }

    pub fn kept(&self) -> impl Iterator<Item = &String> {
        self.kept.iter()
    }
}

/// FNV-1a: no randomness of its own, unlike the standard library's.
#[derive(Debug)]
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        Ok(())
    }
}
