//! The report on disk.

use std::path::{Path, PathBuf};

use super::{Report, html, markdown};

/// The three files' names.
pub const JSON: &str = "report.json";
pub const MARKDOWN: &str = "report.md";
pub const HTML: &str = "report.html";

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the report to {}", path.display())]
pub struct WriteReportError {
    pub path: PathBuf,
    pub source: std::io::Error,
}

/// Writes all three into `folder`, which is made if it is not there.
///
/// # Errors
/// The folder or one of the files cannot be written.
pub fn write(report: &Report, folder: &Path) -> Result<(), WriteReportError> {
    write_files(
        folder,
        [
            (JSON, report.to_json()),
            (MARKDOWN, markdown::render(report)),
            (HTML, html::render(report)),
        ],
    )
}

pub(super) fn write_files(
    folder: &Path,
    files: [(&str, String); 3],
) -> Result<(), WriteReportError> {
    let wrap = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteReportError { path, source }
    };
    std::fs::create_dir_all(folder).map_err(wrap(folder))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(wrap(&path))?;
    }
    Ok(())
}

impl Report {
    /// As `drill --json` prints it: one object, pretty, with a line break at its end.
    pub fn to_json(&self) -> String {
        // Cannot fail: no map keys but field names, and serde_json writes a number that is not
        // finite as null.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
