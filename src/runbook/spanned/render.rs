//! Findings as a person reads them, by miette: colour and box characters at a terminal, plain ASCII
//! in a pipe or a log.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

use super::{Diagnostic, Diagnostics, Place, Severity};

/// What the output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// ASCII without colour.
    Plain,
    /// Box characters and colour.
    Fancy,
}

/// The narrowest terminal anyone is likely to read this in; also what mails and tickets wrap at.
const WIDTH: usize = 80;

pub(super) fn render(findings: &Diagnostics, style: Style) -> String {
    let theme = match style {
        Style::Plain => GraphicalTheme::none(),
        Style::Fancy => GraphicalTheme::unicode(),
    };
    // No context lines: the message names what the line belongs to, and thirty findings with two
    // neighbours each would bury the thirty lines that matter.
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(0)
        .with_links(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    for finding in findings.iter() {
        let before = text.len();
        if handler
            .render_report(&mut text, &Report::of(finding))
            .is_err()
        {
            text.truncate(before);
            text.push_str(&format!("{}: {finding}\n", finding.severity.as_str()));
        }
        text.push('\n');
    }
    text.push_str(&summary(findings));
    // miette pads some lines; trailing blanks would make every copy and every snapshot noisy.
    text.lines()
        .map(str::trim_end)
        .flat_map(|line| [line, "\n"])
        .collect()
}

fn summary(findings: &Diagnostics) -> String {
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| {
            let count = findings.count(severity);
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {}{plural}", severity.as_str()))
        })
        .collect();
    match parts.as_slice() {
        [] => "nothing found".to_owned(),
        parts => parts.join(", "),
    }
}

/// A finding in miette's terms. Private: nobody else should know which library draws the picture.
struct Report<'a> {
    finding: &'a Diagnostic,
    source: Option<NamedSource<String>>,
    span: Option<(usize, usize)>,
}

impl<'a> Report<'a> {
    fn of(finding: &'a Diagnostic) -> Self {
        let (source, span) = match &finding.place {
            Place::Span { source, start, end } => {
                let start = (*start).min(source.text.len());
                let end = (*end).clamp(start, source.text.len());
                // A label over several lines is drawn as a bracket that hides more than it shows.
                let first_line = source.text[start..end]
                    .find('\n')
                    .map_or(end, |n| start + n);
                (
                    Some(NamedSource::new(source.name.clone(), source.text.clone())),
                    Some((start, first_line - start)),
                )
            }
            Place::Variable(_) | Place::File(_) => (None, None),
        };
        Self {
            finding,
            source,
            span,
        }
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.finding, f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding.place {
            Place::Span { .. } => f.write_str(&self.finding.message),
            Place::Variable(_) | Place::File(_) => {
                write!(f, "{}: {}", self.finding.place, self.finding.message)
            }
        }
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(&self.finding.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.finding
            .help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|s| s as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (start, length) = self.span?;
        let label = LabeledSpan::new(Some(self.finding.label.clone()), start, length);
        Some(Box::new(std::iter::once(label)))
    }
}
