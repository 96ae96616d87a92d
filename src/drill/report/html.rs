//! `report.html`: one file that needs nothing else, in light and dark, on a desk and on a phone.

use std::fmt::Write;

use super::data::{Report, RunReport};
use super::scale::{length, moment};
use super::svg::escape;
use super::{board, clocks_chart};

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn render(report: &Report) -> String {
    let mut page = Page(String::new());
    page.put(format_args!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"generator\" content=\"failoverctl drill\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(&report.scenario),
        if report.passed { "passed" } else { "failed" },
    ));
    page.header(report);
    page.hold(report);
    page.figures(report);
    page.clocks(report);
    page.board(report);
    page.steps(report);
    page.checks(report);
    page.footer(report);
    page.put(format_args!("</main>\n</body>\n</html>\n"));
    page.0
}

struct Page(String);

impl Page {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(text);
    }

    fn header(&mut self, report: &Report) {
        let (class, word) = if report.passed {
            ("yes", "passed")
        } else {
            ("no", "failed")
        };
        self.put(format_args!(
            "<header><h1>{}</h1> <span class=\"verdict {class}\">{word}</span></header>\n\
             <p class=\"lead\">{}</p>\n",
            escape(&report.scenario),
            escape(&report.title),
        ));
        for paragraph in report.description.split("\n\n") {
            self.put(format_args!(
                "<p class=\"soft\">{}</p>\n",
                escape(paragraph)
            ));
        }
        self.put(format_args!(
            "<p class=\"small\">Expected: {}</p>\n",
            prose(&report.expectation)
        ));
    }

    fn hold(&mut self, report: &Report) {
        let Some(hold) = &report.hold else { return };
        self.put(format_args!(
            "<div class=\"hold\"><p><b>{}</b> <code>{}</code></p><p>{}</p></div>\n",
            // As it is: it may begin with a Region's name.
            prose(&hold.reason),
            escape(&hold.code),
            prose(&sentence(&hold.remedy)),
        ));
    }

    fn figures(&mut self, report: &Report) {
        let clocks = &report.clocks;
        let users = &report.users;
        self.put(format_args!("<div class=\"figures\">\n"));
        if clocks.total_s.is_some() || clocks.detect_s.is_some() {
            self.figure("Detect", clocks.detect_s, "fault to verdict");
            self.figure("Decide", clocks.decide_s, "verdict to committed run");
            self.figure("Execute", clocks.execute_s, "run to last step at rest");
            self.figure("Total", clocks.total_s, "fault to users whole again");
        } else {
            let count = |n: u64| n.to_string();
            self.cell("Requests", &count(users.requests), "made by the users");
            self.cell("Failed", &count(users.failed), "of them");
            self.cell(
                "Reads down",
                &length(users.read_downtime_s),
                "in which reads failed",
            );
            self.cell(
                "Writes down",
                &length(users.write_downtime_s),
                "in which writes failed",
            );
        }
        self.put(format_args!("</div>\n"));
    }

    fn figure(&mut self, name: &str, seconds: Option<f64>, what: &str) {
        let value = seconds.map_or_else(|| "–".to_owned(), length);
        self.cell(name, &value, what);
    }

    fn cell(&mut self, name: &str, value: &str, what: &str) {
        self.put(format_args!(
            "<div><span>{}</span><b>{}</b><em>{}</em></div>\n",
            escape(name),
            escape(value),
            escape(what)
        ));
    }

    fn clocks(&mut self, report: &Report) {
        let wide = clocks_chart::draw(report, board::Layout::WIDE.width);
        let narrow = clocks_chart::draw(report, board::Layout::NARROW.width);
        if let (Some(wide), Some(narrow)) = (wide, narrow) {
            self.put(format_args!("<h2>The clocks against the objective</h2>\n"));
            self.both(&wide, &narrow);
        }
        let objective = &report.objective;
        if let Some(met) = objective.met {
            let (class, word) = if met {
                ("yes", "met")
            } else {
                ("no", "missed")
            };
            self.put(format_args!(
                "<p>The objective, {} to recover and at most {} of writes lost, was \
                 <b class=\"{class}\">{word}</b>. Of {} requests {} failed. Reads were down for {}, \
                 writes for {}, and {} acknowledged writes were lost.</p>\n",
                length(objective.rto_s),
                length(objective.rpo_s),
                report.users.requests,
                report.users.failed,
                length(report.users.read_downtime_s),
                length(report.users.write_downtime_s),
                report.users.lost_writes,
            ));
        }
    }

    fn board(&mut self, report: &Report) {
        self.put(format_args!(
            "<h2>What happened</h2>\n<p class=\"key\">\
             <span><i class=\"k-reads\"></i>reads served</span>\
             <span><i class=\"k-writes\"></i>writes served</span>\
             <span><i class=\"k-lost\"></i>failed, or nobody to take it</span>\
             <span>time in world seconds after the event</span></p>\n"
        ));
        let wide = board::draw(report, board::Layout::WIDE);
        let narrow = board::draw(report, board::Layout::NARROW);
        self.both(&wide, &narrow);
    }

    fn both(&mut self, wide: &str, narrow: &str) {
        self.put(format_args!(
            "<div class=\"wide\">\n{wide}</div>\n<div class=\"narrow\">\n{narrow}</div>\n"
        ));
    }

    fn steps(&mut self, report: &Report) {
        for run in report.earlier_runs.iter().chain(&report.run) {
            self.run(run);
        }
    }

    fn run(&mut self, run: &RunReport) {
        let status = run.status.replace('_', " ");
        self.put(format_args!(
            "<h2>Run {}</h2>\n<p>{} from <b>{}</b> to <b>{}</b> by the runbook \
             <code>{}</code>, opened at {}: <b class=\"{}\">{}</b>.",
            escape(&run.id),
            escape(&sentence(&run.kind)),
            escape(&run.from),
            escape(&run.to),
            escape(&run.runbook),
            moment(run.opened_s),
            run_class(&run.status),
            escape(&status),
        ));
        if let Some(reason) = &run.reason {
            self.put(format_args!(" {}", escape(&sentence(reason))));
        }
        self.put(format_args!(
            "</p>\n<div class=\"scroll\"><table>\n<tr><th>Step</th><th>Status</th>\
             <th class=\"n\">Start</th><th class=\"n\">Took</th><th>Action</th><th>Goal</th>\
             <th>Seen</th></tr>\n"
        ));
        for step in &run.steps {
            let took = match (step.started_s, step.ended_s) {
                (Some(start), Some(end)) => length(end - start),
                _ => "–".to_owned(),
            };
            self.put(format_args!(
                "<tr><td>{}</td><td class=\"{}\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{took}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
                escape(&step.id),
                step_class(&step.status),
                escape(&step.status.replace('_', " ")),
                step.started_s.map_or_else(|| "–".to_owned(), moment),
                escape(&step.uses),
                escape(&step.goal),
                escape(step.detail.as_deref().unwrap_or("")),
            ));
        }
        self.put(format_args!("</table></div>\n"));
    }

    fn checks(&mut self, report: &Report) {
        self.put(format_args!("<h2>Checks</h2>\n<ul class=\"marks\">\n"));
        for check in &report.checks {
            let class = if check.held { "yes-mark" } else { "no" };
            self.put(format_args!("<li class=\"{class}\">{}", prose(&check.name)));
            if !check.held {
                self.put(format_args!(". Seen: {}", prose(&check.seen)));
            }
            self.put(format_args!("</li>\n"));
        }
        self.put(format_args!(
            "</ul>\n<h2>Invariants</h2>\n<ul class=\"marks\">\n"
        ));
        for invariant in &report.invariants {
            let class = if invariant.held { "yes-mark" } else { "no" };
            self.put(format_args!(
                "<li class=\"{class}\">{}",
                prose(&sentence(&invariant.name))
            ));
            if let Some(seen) = &invariant.seen {
                self.put(format_args!(". Seen: {}", escape(seen)));
            }
            self.put(format_args!("</li>\n"));
        }
        self.put(format_args!("</ul>\n"));
        if !report.votes.is_empty() {
            self.put(format_args!("<h2>Votes when it was decided</h2>\n"));
            for line in &report.votes {
                self.put(format_args!("<p><code>{}</code></p>\n", escape(line)));
            }
        }
    }

    fn footer(&mut self, report: &Report) {
        self.put(format_args!(
            "<footer>Played at {} times real time with seed {}; every duration is in world time. \
             Again: <code>failoverctl drill --scenario {} --seed {} --speed {}</code></footer>\n",
            report.speed,
            report.seed,
            escape(&report.scenario),
            report.seed,
            report.speed,
        ));
    }
}

fn run_class(status: &str) -> &'static str {
    match status {
        "completed" | "soaking" => "yes",
        "aborted" => "no",
        _ => "maybe",
    }
}

fn step_class(status: &str) -> &'static str {
    match status {
        "done" => "yes",
        "failed" => "no",
        "unknown" | "awaiting_approval" => "maybe",
        _ => "soft",
    }
}

/// Escaped, with what stands between backticks as code.
fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut parts = text.split('`').peekable();
    let mut code = false;
    while let Some(part) = parts.next() {
        // An opening backtick that nothing closes is a backtick.
        if code && parts.peek().is_none() {
            out.push('`');
            out.push_str(&escape(part));
        } else if code {
            out.push_str("<code>");
            out.push_str(&escape(part));
            out.push_str("</code>");
        } else {
            out.push_str(&escape(part));
        }
        code = !code;
    }
    out
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
