//! The clocks against the objective, as one bar.

use super::data::Report;
use super::scale::{Scale, length, moment};
use super::svg::{Anchor, Area, Svg};

/// Width of `execute` at the size of labels.
const LONGEST_NAME: f64 = 46.0;

/// Draws it; `None` where there is nothing to hold against the objective.
pub fn draw(report: &Report, width: f64) -> Option<String> {
    let clocks = &report.clocks;
    let total = clocks.total_s?;
    let rto = report.objective.rto_s;
    let parts = [
        ("detect", "part-detect", clocks.detect_s.unwrap_or(0.0)),
        ("decide", "part-decide", clocks.decide_s.unwrap_or(0.0)),
        ("execute", "part-execute", clocks.execute_s.unwrap_or(0.0)),
    ];
    let sum: f64 = parts.iter().map(|(_, _, seconds)| seconds).sum();
    let end = total.max(rto).max(sum) * 1.04;
    let scale = Scale::new(0.0, end, 2.0, width - 8.0);
    let mut svg = Svg::new(width);
    // Room for the label above; a bar as high as its label is legible.
    let (top, height) = (24.0, 26.0);

    let track = Area {
        x: scale.left(),
        y: top,
        width: scale.right() - scale.left(),
        height,
    };
    svg.rect("track", track, 3.0, "");
    let mut at = 0.0;
    for (name, class, seconds) in parts {
        let (x, right) = (scale.x(at), scale.x(at + seconds));
        let area = Area {
            x,
            y: top,
            width: (right - x - 1.0).max(0.0),
            height,
        };
        svg.rect(class, area, 3.0, &format!("{name}: {}", length(seconds)));
        if area.width > LONGEST_NAME {
            svg.text(
                "in-bar",
                (x + area.width / 2.0, top + 17.0),
                Anchor::Middle,
                name,
            );
        }
        at += seconds;
    }
    let total_x = scale.x(total);
    svg.line("total", (total_x, top - 6.0), (total_x, top + height + 6.0));
    svg.text(
        "flag",
        (total_x, 12.0),
        edge(total_x, width),
        &format!("users whole {}", moment(total)),
    );
    if rto > 0.0 {
        let rto_x = scale.x(rto);
        let missed = total > rto;
        let (line, text) = if missed {
            ("mark mark-fault", "flag flag-fault")
        } else {
            ("mark mark-good", "flag flag-good")
        };
        svg.line(line, (rto_x, top - 6.0), (rto_x, top + height + 8.0));
        svg.text(
            text,
            (rto_x, top + height + 22.0),
            edge(rto_x, width),
            &format!("objective {}", length(rto)),
        );
    }
    Some(svg.finish(
        top + height + 30.0,
        "The clocks against the objective of the runbook",
    ))
}

fn edge(x: f64, width: f64) -> Anchor {
    // Half the width of the longest label.
    if x > width - 70.0 {
        Anchor::End
    } else if x < 70.0 {
        Anchor::Start
    } else {
        Anchor::Middle
    }
}
