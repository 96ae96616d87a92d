//! A small SVG writer. It knows no more than the report's pictures need, and it is the one place
//! where text becomes markup.
//!
//! Invariant: nothing reaches the output unescaped but numbers and this module's own literals.

use std::fmt::Write;

/// One picture under construction.
pub struct Svg {
    body: String,
    width: f64,
}

/// Where text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A rectangle in picture units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Svg {
    /// An empty picture of that width; its height is told at the end.
    pub fn new(width: f64) -> Self {
        Self {
            body: String::new(),
            width,
        }
    }

    /// A rectangle with an optional tooltip.
    pub fn rect(&mut self, class: &'static str, area: Area, radius: f64, tip: &str) {
        let Area {
            x,
            y,
            width,
            height,
        } = area;
        let (width, height) = (width.max(0.0), height.max(0.0));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"",
            number(x),
            number(y),
            number(width),
            number(height),
            number(radius.min(width / 2.0)),
        ));
        if tip.is_empty() {
            self.put(format_args!("/>\n"));
        } else {
            self.put(format_args!("><title>{}</title></rect>\n", escape(tip)));
        }
    }

    /// A straight line.
    pub fn line(&mut self, class: &'static str, from: (f64, f64), to: (f64, f64)) {
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
            number(from.0),
            number(from.1),
            number(to.0),
            number(to.1),
        ));
    }

    /// A closed shape under points that hold until the next: steps down to `floor`.
    pub fn steps(&mut self, class: &'static str, points: &[(f64, f64)], end: f64, floor: f64) {
        let Some((first, _)) = points.first() else {
            return;
        };
        let mut path = format!("M{} {}", number(*first), number(floor));
        for (index, (x, y)) in points.iter().enumerate() {
            let until = points.get(index + 1).map_or(end, |(next, _)| *next);
            let (x, y, until) = (number(*x), number(*y), number(until));
            // Writing to a String cannot fail.
            let _ = write!(path, "L{x} {y}L{until} {y}");
        }
        self.put(format_args!(
            "<path class=\"{class}\" d=\"{path}L{} {}Z\"/>\n",
            number(end),
            number(floor)
        ));
    }

    /// A line of text.
    pub fn text(&mut self, class: &'static str, at: (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>\n",
            number(at.0),
            number(at.1),
            escape(text)
        ));
    }

    /// The whole picture. `label` is what a screen reader says.
    pub fn finish(self, height: f64, label: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
            number(self.width),
            number(height),
            escape(label),
            self.body
        )
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(text);
    }
}

/// Text as it may stand in an element or a quoted attribute of XML and HTML. Characters that XML
/// does not know at all become the replacement character.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// One decimal at most: a tenth of a pixel is finer than any screen.
fn number(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(
            escape("<script>alert(\"x\")</script>&'\u{0}"),
            "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_short_and_always_numbers() {
        for (value, text) in [
            (1.0, "1"),
            (1.25, "1.2"),
            (-0.01, "0"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
