//! Findings as a person reads them, by miette: colour and box characters at a terminal, plain ASCII
//! in a pipe or a log.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents,
};

use super::{Diagnostic, Diagnostics, Place, Severity, Source};

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

/// What miette asks for when it draws; asked for none, it wants the place of the span alone. The
/// drawing has one line all the same, see [`OneLine`].
const CONTEXT: usize = 1;

pub(super) fn render(findings: &Diagnostics, style: Style) -> String {
    let theme = match style {
        Style::Plain => GraphicalTheme::none(),
        Style::Fancy => GraphicalTheme::unicode(),
    };
    // Lines break at blanks only: a path or an ARN must survive being copied.
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(CONTEXT)
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_break_words(false)
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
    source: Option<OneLine<'a>>,
    span: Option<(usize, usize)>,
}

impl<'a> Report<'a> {
    fn of(finding: &'a Diagnostic) -> Self {
        let (source, span) = match &finding.place {
            Place::Span { source, start, end } => {
                let mut start = (*start).min(source.text.len());
                let end = (*end).clamp(start, source.text.len());
                if start == end {
                    // What is missing at a line's end is pointed at by its last character.
                    let before = source.text[..start].chars().next_back();
                    start -= before.filter(|c| *c != '\n').map_or(0, char::len_utf8);
                }
                // A label over several lines is drawn as a bracket that hides more than it shows.
                let first_line = source.text[start..end]
                    .find('\n')
                    .map_or(end, |n| start + n);
                (Some(OneLine(source)), Some((start, first_line - start)))
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

/// A text of which exactly the line under a span is shown. miette's own sources show either the span
/// cut out of its line, or neighbours as well; and thirty findings with two neighbours each would
/// bury the thirty lines that matter.
struct OneLine<'a>(&'a Source);

impl SourceCode for OneLine<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let text = self.0.text.as_str();
        let (before, rest) = text
            .split_at_checked(span.offset())
            .ok_or(MietteError::OutOfBounds)?;
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        let end = rest.find('\n').map_or(text.len(), |n| span.offset() + n);
        let line = before.matches('\n').count();
        let shown = text.get(start..end).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            shown.as_bytes(),
            (start, shown.len()).into(),
            line,
            if lines_before == CONTEXT {
                // The line is drawn from its beginning.
                0
            } else {
                before[start..].chars().count()
            },
            1,
        )))
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
