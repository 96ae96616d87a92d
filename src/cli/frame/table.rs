//! Rows for people: columns as wide as their widest word, and never wider than a terminal.
//!
//! Invariant: nothing that a cell says is lost. What is too long goes on below.

use super::{Palette, Tone, WIDTH};

/// Between two columns.
const GAP: usize = 2;

/// No column is made narrower than this, as long as there is another one to narrow.
const NARROW: usize = 6;

/// A word of no more than this is only broken where nothing else helps: Regions' names, ages.
const SHORT: usize = 14;

/// A text and what it means.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Something that stands out.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// A head and its rows.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// No rows yet. A head without words is not shown.
    pub fn new<H: Into<String>>(head: impl IntoIterator<Item = H>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// One more row, as many cells as the head has.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Each line without blanks at its end.
    pub fn render(&self, palette: Palette) -> String {
        let widths = self.widths();
        let mut text = String::new();
        if self.head.iter().any(|name| !name.is_empty()) {
            let head: Vec<Cell> = self
                .head
                .iter()
                .map(|name| Cell::toned(Tone::Strong, name.as_str()))
                .collect();
            text += &self.lines(&head, &widths, palette);
        }
        for row in &self.rows {
            text += &self.lines(row, &widths, palette);
        }
        text
    }

    /// What each column gets: what it wants, and where that is too much, the widest give way first.
    fn widths(&self) -> Vec<usize> {
        let texts = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            let cells = cells.map(|cell| cell.text.as_str());
            cells.chain(self.head.get(column).map(String::as_str))
        };
        let columns = 0..self.head.len();
        let mut widths: Vec<usize> = columns
            .clone()
            .map(|column| texts(column).map(count).max().unwrap_or(0))
            .collect();
        let longest = |column: usize, between: &[char]| {
            let words = texts(column).flat_map(|text| text.split(between));
            // With its hyphen.
            words
                .map(|word| count(word) + between.len() - 1)
                .max()
                .unwrap_or(0)
        };
        let words: Vec<usize> = columns
            .clone()
            .map(|column| longest(column, &[' ']))
            .collect();
        let parts: Vec<usize> = columns.map(|column| longest(column, &[' ', '-'])).collect();
        let room = WIDTH.saturating_sub(GAP * widths.len().saturating_sub(1));
        let at_most = |most: usize| words.iter().map(|word| *word.min(&most)).collect();
        let at_hyphens: Vec<usize> = parts
            .iter()
            .zip(&words)
            .map(|(part, word)| *part.max(&SHORT).min(word))
            .collect();
        // First between words, then long words: at hyphens, or anywhere; then short ones.
        let floors: [Vec<usize>; 5] = [
            words.clone(),
            at_hyphens,
            at_most(SHORT),
            at_most(NARROW),
            at_most(1),
        ];
        for floor in floors {
            while widths.iter().sum::<usize>() > room {
                let widest = (0..widths.len())
                    .filter(|&column| widths[column] > floor[column])
                    .max_by_key(|&column| widths[column]);
                let Some(widest) = widest else { break };
                widths[widest] -= 1;
            }
        }
        widths
    }

    fn lines(&self, cells: &[Cell], widths: &[usize], palette: Palette) -> String {
        let folded: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| fold(&cell.text, *width))
            .collect();
        let height = folded.iter().map(Vec::len).max().unwrap_or(0);
        let mut text = String::new();
        for line in 0..height {
            // Blanks are kept back until something follows them.
            let mut blanks = 0;
            for ((cell, parts), width) in cells.iter().zip(&folded).zip(widths) {
                let part = parts.get(line).map_or("", String::as_str);
                if !part.is_empty() {
                    text += &" ".repeat(blanks);
                    text += &palette.paint(cell.tone, part);
                    blanks = 0;
                }
                blanks += width.saturating_sub(count(part)) + GAP;
            }
            text.push('\n');
        }
        text
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// In lines of that width; a word that is too long is broken at a hyphen, or anywhere.
fn fold(text: &str, width: usize) -> Vec<String> {
    if count(text) <= width {
        return vec![text.to_owned()];
    }
    let options = textwrap::Options::new(width.max(1))
        .break_words(true)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::HyphenSplitter);
    textwrap::wrap(text, options)
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(rows: &[[&str; 4]]) -> String {
        let mut table = Table::new(["APPLICATION", "REGION", "PHASE", "WHY"]);
        for row in rows {
            table.row(row.map(Cell::from));
        }
        table.render(Palette::PLAIN)
    }

    #[test]
    fn what_is_too_long_goes_on_below() {
        let text = wide(&[
            ["shop", "eu-west-1", "steady", "all is well"],
            [
                "an-application-whose-name-nobody-could-make-any-shorter-than-this",
                "ap-northeast-1",
                "needs_operator",
                "the replica was 42 s behind 12 s ago, which is more than rpo_max allows",
            ],
        ]);
        assert!(text.lines().all(|line| count(line) <= WIDTH), "{text}");
        insta::assert_snapshot!("table", text);
    }

    #[test]
    fn a_word_without_end_is_broken() {
        let endless = "x".repeat(300);
        let text = wide(&[[&endless, &endless, &endless, &endless]]);
        assert!(text.lines().all(|line| count(line) <= WIDTH), "{text}");
        assert_eq!(text.matches('x').count(), 1_200);
    }

    #[test]
    fn colours_do_not_count_as_columns() {
        let mut table = Table::new(["A", "B"]);
        table.row([Cell::toned(Tone::Bad, "down"), Cell::from("x")]);
        let text = table.render(Palette::new(true));
        assert!(
            text.contains("\u{1b}[1m\u{1b}[31mdown\u{1b}[0m  x\n"),
            "{text:?}"
        );
    }
}
