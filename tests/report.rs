//! The drill's report, read back from JSON and told in every way.

use std::path::{Path, PathBuf};

use failoverd::drill::Report;
use failoverd::drill::report::{self, Summary};
use quick_xml::Reader;
use quick_xml::events::Event;

const NAMES: [&str; 3] = ["region-outage", "both-regions-down", "promotion-stuck"];

fn fixture(name: &str) -> Report {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/drill")
        .join(name)
        .with_extension("json");
    let text = std::fs::read_to_string(&path).expect("the fixture is there");
    serde_json::from_str(&text).expect("the fixture is a report")
}

/// Every name and text that comes from outside is hostile.
fn hostile() -> Report {
    let evil = "</svg><script>alert('&\"|`')</script>\u{1}\n# no";
    let mut report = fixture("promotion-stuck");
    for text in [
        &mut report.scenario,
        &mut report.title,
        &mut report.description,
        &mut report.expectation,
    ] {
        evil.clone_into(text);
    }
    report.votes = vec![evil.to_owned()];
    for check in &mut report.checks {
        evil.clone_into(&mut check.name);
        evil.clone_into(&mut check.seen);
    }
    for invariant in &mut report.invariants {
        evil.clone_into(&mut invariant.name);
    }
    for series in &mut report.timeline.dials {
        evil.clone_into(&mut series.region);
    }
    for change in report
        .timeline
        .writer
        .iter_mut()
        .chain(&mut report.timeline.phases)
    {
        change.value = Some(evil.to_owned());
    }
    if let Some(run) = &mut report.run {
        for text in [
            &mut run.id,
            &mut run.kind,
            &mut run.from,
            &mut run.to,
            &mut run.runbook,
        ] {
            evil.clone_into(text);
        }
        run.reason = Some(evil.to_owned());
        for step in &mut run.steps {
            evil.clone_into(&mut step.id);
            evil.clone_into(&mut step.uses);
            evil.clone_into(&mut step.goal);
            step.detail = Some(evil.to_owned());
        }
    }
    report
}

fn svgs(html: &str) -> Vec<&str> {
    html.split("<svg ")
        .skip(1)
        .map(|rest| {
            let end = rest.find("</svg>").expect("every picture ends");
            let start = rest.as_ptr() as usize - html.as_ptr() as usize - "<svg ".len();
            &html[start..start + "<svg ".len() + end + "</svg>".len()]
        })
        .collect()
}

fn elements(xml: &str) -> Vec<String> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut names = Vec::new();
    loop {
        match reader.read_event().expect("the picture is well-formed") {
            Event::Start(tag) | Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    attribute.expect("attributes are well-formed and unique");
                }
                names.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
            }
            Event::Eof => return names,
            _ => {}
        }
    }
}

#[test]
fn a_report_survives_json() {
    for name in NAMES {
        let report = fixture(name);
        let again: Report = serde_json::from_str(&report.to_json()).expect("our own JSON");
        assert_eq!(report, again);
    }
}

#[test]
fn the_json_has_the_members_it_promises_in_their_order() {
    let mut report = fixture("region-outage");
    report.timeline.users.truncate(2);
    insta::assert_snapshot!("json", report.to_json());
    let mut held = fixture("both-regions-down");
    held.timeline.users.clear();
    insta::assert_snapshot!("json_held", held.to_json());
}

#[test]
fn the_markdown_reads_well() {
    for name in NAMES {
        insta::assert_snapshot!(
            format!("markdown_{name}"),
            report::to_markdown(&fixture(name))
        );
    }
}

#[test]
fn the_summary_fits_eighty_columns() {
    for name in NAMES {
        let report = fixture(name);
        let text = Summary {
            report: &report,
            folder: Some(Path::new("drill-report")),
            colour: false,
        }
        .to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        insta::assert_snapshot!(format!("summary_{name}"), text);
    }
}

#[test]
fn the_page_needs_nothing_else_and_its_pictures_are_well_formed() {
    // Left behind so that they can be looked at.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    for name in NAMES {
        let html = report::to_html(&fixture(name));
        std::fs::write(folder.join(name).with_extension("html"), &html).expect("writable");
        let pictures = svgs(&html);
        assert!(pictures.len() >= 2, "{name}: wide and narrow");
        for picture in pictures {
            let elements = elements(picture);
            assert!(elements.iter().any(|name| name == "rect"));
        }
        for outside in ["src=", "href=", "url(", "@import", "<script"] {
            assert!(!html.contains(outside), "{name} has {outside}");
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let report = hostile();
    let html = report::to_html(&report);
    assert!(!html.contains("<script"));
    assert!(html.contains("&lt;script&gt;"));
    let known = ["svg", "rect", "title", "line", "path", "text"];
    for picture in svgs(&html) {
        for element in elements(picture) {
            assert!(known.contains(&element.as_str()), "{element}");
        }
    }
    let markdown = report::to_markdown(&report);
    assert!(!markdown.contains("<script"));
    assert!(!markdown.contains("\n# no"));
}

#[test]
fn the_files_are_written_where_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("a/b");
    report::write(&fixture("region-outage"), &out).expect("writable");
    for file in [report::JSON, report::MARKDOWN, report::HTML] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let blocked = folder.path().join("a/b/report.md/c");
    let error = report::write(&fixture("region-outage"), &blocked).expect_err("a file in the way");
    assert!(error.to_string().contains("report.md"), "{error}");
}
