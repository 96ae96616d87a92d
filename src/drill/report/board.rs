//! The picture of a drill: users, writer, DNS, dials, nodes and steps, one above the other on one
//! time axis, with the moments that matter as lines through all of them.
//!
//! It is drawn twice, for wide and for narrow screens: scaled down, its letters could not be read.

use std::collections::BTreeMap;

use super::data::{Change, Mark, MarkKind, RegionSeries, Report, RunReport, StepReport, UserPoint};
use super::scale::{Scale, length, moment};
use super::svg::{Anchor, Area, Svg};

/// What differs between a wide and a narrow screen, in picture units (CSS pixels when unscaled).
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub width: f64,
    /// Room for names left of the plot; in a narrow picture they stand above their lanes.
    gutter: f64,
    names_above: bool,
    /// Least distance between two ticks.
    tick: f64,
}

impl Layout {
    /// For a desktop's column.
    pub const WIDE: Self = Self {
        width: 1_000.0,
        gutter: 176.0,
        names_above: false,
        tick: 70.0,
    };
    /// For a phone held upright.
    pub const NARROW: Self = Self {
        width: 372.0,
        gutter: 4.0,
        names_above: true,
        tick: 62.0,
    };
}

/// Room right of the plot, for the last tick's label.
const RIGHT_MARGIN: f64 = 16.0;
/// Mean width of a letter at the size of labels: a little too large, so that labels never touch.
const LETTER: f64 = 6.7;
const MARK_ROW: f64 = 18.0;
const LANE: f64 = 24.0;
const CHART: f64 = 56.0;
const DIAL: f64 = 30.0;
const GAP: f64 = 10.0;
const NAME: f64 = 18.0;
/// Width of the users' buckets: narrower ones would flicker.
const BUCKET: f64 = 3.0;
/// A bar this short could not be seen.
const SHORTEST_BAR: f64 = 3.0;

/// Draws it.
pub fn draw(report: &Report, layout: Layout) -> String {
    let timeline = &report.timeline;
    let scale = Scale::new(
        timeline.from_s,
        timeline.to_s,
        layout.gutter,
        layout.width - RIGHT_MARGIN,
    );
    let mut board = Board {
        svg: Svg::new(layout.width),
        layout,
        scale,
        colours: region_colours(report),
        y: 0.0,
    };

    // Lines first, so that lanes and letters lie over them; their length is known beforehand
    // because a rehearsal on another picture measures it.
    let flags = board.place_flags(&timeline.marks);
    let top = flags.height;
    board.y = top;
    let bottom = board.rehearse(report);
    board.grid(top, bottom);
    board.flags(&flags, bottom);
    board.lanes(report);
    board.axis(bottom);
    let height = bottom + 26.0;
    board.svg.finish(
        height,
        "The drill over time: the users' success, the writer, DNS, dials, and the run's steps",
    )
}

struct Board {
    svg: Svg,
    layout: Layout,
    scale: Scale,
    colours: BTreeMap<String, usize>,
    y: f64,
}

/// Where each mark's label stands.
struct Flags<'a> {
    placed: Vec<(&'a Mark, usize, Anchor)>,
    height: f64,
}

impl Board {
    fn rehearse(&self, report: &Report) -> f64 {
        let mut rehearsal = Self {
            svg: Svg::new(self.layout.width),
            layout: self.layout,
            scale: self.scale,
            colours: self.colours.clone(),
            y: self.y,
        };
        rehearsal.lanes(report);
        rehearsal.y
    }

    fn lanes(&mut self, report: &Report) {
        let timeline = &report.timeline;
        if !timeline.users.is_empty() {
            let reads = |p: &UserPoint| (p.reads, p.reads_ok);
            let writes = |p: &UserPoint| (p.writes, p.writes_ok);
            self.users("Reads", "reads", &timeline.users, reads);
            self.users("Writes", "writes", &timeline.users, writes);
        }
        self.lane("Writer", "nobody", &timeline.writer);
        self.lane("DNS answers", "nothing", &timeline.dns);
        for dial in self.home_first(&timeline.dials) {
            self.level(&format!("Dial {}", dial.region), dial, 100.0, "%");
        }
        let most = timeline
            .nodes
            .iter()
            .flat_map(|series| &series.points)
            .fold(1.0_f64, |most, (_, count)| most.max(*count));
        for nodes in self.home_first(&timeline.nodes) {
            self.level(&format!("Nodes {}", nodes.region), nodes, most, "");
        }
        self.phases(&timeline.phases);
        for run in report.earlier_runs.iter().chain(&report.run) {
            self.run(run);
        }
    }

    fn home_first<'a>(&self, series: &'a [RegionSeries]) -> Vec<&'a RegionSeries> {
        let mut sorted: Vec<_> = series.iter().collect();
        sorted.sort_by_key(|series| self.colours.get(&series.region));
        sorted
    }

    fn place_flags<'a>(&self, marks: &'a [Mark]) -> Flags<'a> {
        let mut rows: Vec<f64> = Vec::new();
        let mut placed = Vec::new();
        let mut sorted: Vec<&Mark> = marks.iter().collect();
        sorted.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        // Two faults at once are one moment.
        sorted.dedup_by(|a, b| flag_text(a) == flag_text(b));
        for mark in sorted {
            let x = self.scale.x(mark.at_s);
            let width = letters(&flag_text(mark)) * LETTER + 10.0;
            let anchor = if x + width > self.layout.width {
                Anchor::End
            } else {
                Anchor::Start
            };
            let (left, right) = match anchor {
                Anchor::End => (x - width, x),
                Anchor::Start | Anchor::Middle => (x, x + width),
            };
            let row = rows
                .iter()
                .position(|end| *end < left)
                .unwrap_or(rows.len());
            if row == rows.len() {
                rows.push(right);
            } else {
                rows[row] = right;
            }
            placed.push((mark, row, anchor));
        }
        #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
        let height = rows.len() as f64 * MARK_ROW + 8.0;
        Flags { placed, height }
    }

    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    fn flags(&mut self, flags: &Flags<'_>, bottom: f64) {
        for (mark, row, anchor) in &flags.placed {
            let x = self.scale.x(mark.at_s);
            let y = *row as f64 * MARK_ROW + 13.0;
            self.svg
                .line(mark_class(mark.kind), (x, y - 10.0), (x, bottom));
            let text_x = match anchor {
                Anchor::End => x - 5.0,
                Anchor::Start | Anchor::Middle => x + 5.0,
            };
            self.svg.text(
                mark_text_class(mark.kind),
                (text_x, y),
                *anchor,
                &flag_text(mark),
            );
        }
    }

    fn grid(&mut self, top: f64, bottom: f64) {
        for tick in self.scale.ticks(self.layout.tick) {
            let x = self.scale.x(tick);
            self.svg.line("grid", (x, top), (x, bottom));
        }
    }

    fn axis(&mut self, bottom: f64) {
        self.svg.line(
            "axis",
            (self.scale.left(), bottom),
            (self.scale.right(), bottom),
        );
        for tick in self.scale.ticks(self.layout.tick) {
            let x = self.scale.x(tick);
            self.svg.line("axis", (x, bottom), (x, bottom + 4.0));
            let label = moment(tick);
            let half = letters(&label) * LETTER / 2.0;
            let anchor = if x - half < 0.0 {
                Anchor::Start
            } else {
                Anchor::Middle
            };
            self.svg.text("tick", (x, bottom + 18.0), anchor, &label);
        }
    }

    /// A lane's name; returns where the lane itself begins.
    fn name(&mut self, name: &str, height: f64) -> f64 {
        if self.layout.names_above {
            self.svg.text(
                "name",
                (self.layout.gutter, self.y + 13.0),
                Anchor::Start,
                name,
            );
            self.y + NAME
        } else {
            let shown = shorten(name, self.layout.gutter - 12.0);
            self.svg.text(
                "name",
                (self.layout.gutter - 12.0, self.y + height / 2.0 + 4.0),
                Anchor::End,
                &shown,
            );
            self.y
        }
    }

    fn users(
        &mut self,
        name: &str,
        class: &'static str,
        points: &[UserPoint],
        of: impl Fn(&UserPoint) -> (u32, u32),
    ) {
        let (asked, served) = points.iter().fold((0_u64, 0_u64), |(asked, served), p| {
            let (all, ok) = of(p);
            (asked + u64::from(all), served + u64::from(ok))
        });
        let served = format!("{served} of {asked} served");
        let top = if self.layout.names_above {
            self.name(&format!("{name}: {served}"), CHART)
        } else {
            let right = self.layout.gutter - 12.0;
            self.svg.text(
                "value",
                (right, self.y + CHART / 2.0 + 14.0),
                Anchor::End,
                &served,
            );
            self.name(name, CHART - 14.0)
        };
        let floor = top + CHART;
        let width = self.scale.right() - self.scale.left();
        self.svg.rect(
            "track",
            Area {
                x: self.scale.left(),
                y: top,
                width,
                height: CHART,
            },
            3.0,
            "",
        );
        let buckets = buckets(points, &self.scale, &of);
        // Where nobody asked, nothing is drawn: each unbroken stretch is a shape of its own.
        for stretch in stretches(&buckets) {
            let shape: Vec<(f64, f64)> = stretch
                .iter()
                .map(|bucket| (self.scale.x(bucket.from_s), floor - CHART * bucket.rate))
                .collect();
            let x = stretch.first().map_or(0.0, |b| self.scale.x(b.from_s));
            let end = stretch.last().map_or(0.0, |b| self.scale.x(b.to_s));
            let area = Area {
                x,
                y: top,
                width: end - x,
                height: CHART,
            };
            self.svg.rect("lost", area, 0.0, "");
            self.svg.steps(class, &shape, end, floor);
        }
        self.y = floor + GAP;
    }

    fn lane(&mut self, name: &str, nobody: &str, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let top = self.name(name, LANE);
        for (index, change) in changes.iter().enumerate() {
            let until = changes
                .get(index + 1)
                .map_or(self.scale.last_s(), |next| next.at_s);
            let (x, right) = (self.scale.x(change.at_s), self.scale.x(until));
            if right <= x {
                continue;
            }
            let area = Area {
                x,
                y: top,
                width: right - x,
                height: LANE,
            };
            let (class, text) = match &change.value {
                Some(value) => (self.region_class(value), value.as_str()),
                None => ("nobody", nobody),
            };
            let tip = format!(
                "{text}, {} to {}",
                moment(change.at_s),
                moment(until.min(self.scale.last_s()))
            );
            self.svg.rect(class, area, 3.0, &tip);
            let label_class = if change.value.is_some() {
                "in-lane"
            } else {
                "in-gap"
            };
            self.inside(label_class, area, text);
        }
        self.y = top + LANE + GAP;
    }

    fn level(&mut self, name: &str, series: &RegionSeries, most: f64, unit: &str) {
        if series.points.is_empty() {
            return;
        }
        let top = self.name(name, DIAL);
        let floor = top + DIAL;
        let track = Area {
            x: self.scale.left(),
            y: top,
            width: self.scale.right() - self.scale.left(),
            height: DIAL,
        };
        self.svg.rect("track", track, 3.0, "");
        let height = |value: f64| floor - DIAL * (value / most).clamp(0.0, 1.0);
        let shape: Vec<(f64, f64)> = series
            .points
            .iter()
            .map(|(at_s, value)| (self.scale.x(*at_s), height(*value)))
            .collect();
        let class = self.region_class(&series.region);
        self.svg.steps(class, &shape, self.scale.right(), floor);
        self.level_values(series, floor, most, unit);
        self.y = floor + GAP;
    }

    /// The value at each end: what it was and what it became.
    fn level_values(&mut self, series: &RegionSeries, floor: f64, most: f64, unit: &str) {
        let (Some(first), Some(last)) = (series.points.first(), series.points.last()) else {
            return;
        };
        let space = if unit.is_empty() { "" } else { " " };
        let full = |value: f64| value / most > 0.5;
        let mut put = |x: f64, anchor: Anchor, value: f64| {
            let class = if full(value) { "in-lane" } else { "value" };
            self.svg.text(
                class,
                (x, floor - DIAL / 2.0 + 4.0),
                anchor,
                &format!("{value:.0}{space}{unit}"),
            );
        };
        put(self.scale.left() + 7.0, Anchor::Start, first.1);
        // Three figures and a unit.
        if series.points.len() > 1 && self.scale.right() - self.scale.x(last.0) > 44.0 {
            put(self.scale.right() - 7.0, Anchor::End, last.1);
        }
    }

    fn phases(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let top = self.name("Phase", LANE);
        for (index, change) in changes.iter().enumerate() {
            let until = changes
                .get(index + 1)
                .map_or(self.scale.last_s(), |next| next.at_s);
            let (x, right) = (self.scale.x(change.at_s), self.scale.x(until));
            if right - x < 1.0 {
                continue;
            }
            let text = change.value.as_deref().unwrap_or("").replace('_', " ");
            let area = Area {
                x: x + 0.5,
                y: top,
                width: right - x - 1.0,
                height: LANE,
            };
            self.svg.rect("phase", area, 3.0, &text);
            self.inside("in-phase", area, &text);
        }
        self.y = top + LANE + GAP;
    }

    fn run(&mut self, run: &RunReport) {
        self.y += 6.0;
        self.svg.text(
            "run-name",
            (
                if self.layout.names_above {
                    self.layout.gutter
                } else {
                    self.scale.left()
                },
                self.y + 13.0,
            ),
            Anchor::Start,
            &format!("{}: {} {} → {}", run.id, run.kind, run.from, run.to),
        );
        self.y += 24.0;
        for step in &run.steps {
            self.step(step, run.opened_s);
        }
        self.y += 4.0;
    }

    fn step(&mut self, step: &StepReport, opened_s: f64) {
        let height = 16.0;
        let top = self.name(&step.id, height);
        let middle = top + height / 2.0 + 4.0;
        let status = step.status.replace('_', " ");
        match step.started_s {
            Some(start) => {
                let end = step.ended_s.unwrap_or(self.scale.last_s());
                let x = self.scale.x(start);
                let right = self.scale.x(end).max(x + SHORTEST_BAR);
                let area = Area {
                    x,
                    y: top,
                    width: right - x,
                    height,
                };
                let label = match (step.status.as_str(), step.ended_s) {
                    ("done", Some(end)) => length(end - start),
                    (_, Some(end)) => format!("{status}, {}", length(end - start)),
                    (_, None) => status,
                };
                let tip = format!(
                    "{} ({}): {}, {label}. {}",
                    step.id,
                    step.uses,
                    step.goal,
                    step.detail.as_deref().unwrap_or("")
                );
                self.svg
                    .rect(status_class(&step.status), area, 3.0, tip.trim_end());
                let room = letters(&label) * LETTER + 6.0;
                if right + room < self.layout.width {
                    self.svg
                        .text("after", (right + 6.0, middle), Anchor::Start, &label);
                } else if area.width > room {
                    self.svg
                        .text("in-bar", (right - 6.0, middle), Anchor::End, &label);
                } else {
                    self.svg
                        .text("after", (x - 6.0, middle), Anchor::End, &label);
                }
            }
            None => {
                self.svg.text(
                    "after",
                    (self.scale.x(opened_s) + 6.0, middle),
                    Anchor::Start,
                    &status,
                );
            }
        }
        self.y = top + height + 8.0;
    }

    /// Text in the middle of an area, if there is room for it.
    fn inside(&mut self, class: &'static str, area: Area, text: &str) {
        if letters(text) * LETTER + 8.0 <= area.width {
            self.svg.text(
                class,
                (area.x + area.width / 2.0, area.y + area.height / 2.0 + 4.0),
                Anchor::Middle,
                text,
            );
        }
    }

    fn region_class(&self, region: &str) -> &'static str {
        match self.colours.get(region) {
            Some(0) => "region-a",
            Some(1) => "region-b",
            Some(2) => "region-c",
            Some(_) => "region-d",
            // Two writers at once: what must never be.
            None => "lost",
        }
    }
}

/// A stretch of time and the share of requests that were served in it.
struct Bucket {
    from_s: f64,
    to_s: f64,
    rate: f64,
}

fn buckets(
    points: &[UserPoint],
    scale: &Scale,
    of: impl Fn(&UserPoint) -> (u32, u32),
) -> Vec<Bucket> {
    let width_s = scale.seconds(BUCKET).ceil().max(1.0);
    let mut sums: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for point in points {
        if point.at_s < scale.first_s() || point.at_s > scale.last_s() {
            continue;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a drill is hours at most")]
        let index = ((point.at_s - scale.first_s()) / width_s).floor() as i64;
        let sum = sums.entry(index).or_default();
        let (asked, served) = of(point);
        sum.0 += u64::from(asked);
        sum.1 += u64::from(served.min(asked));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a drill are small")]
    sums.into_iter()
        .filter(|(_, (asked, _))| *asked > 0)
        .map(|(index, (asked, served))| {
            let from_s = scale.first_s() + index as f64 * width_s;
            Bucket {
                from_s,
                to_s: (from_s + width_s).min(scale.last_s()),
                rate: served as f64 / asked as f64,
            }
        })
        .collect()
}

fn stretches(buckets: &[Bucket]) -> Vec<&[Bucket]> {
    let mut stretches = Vec::new();
    let mut start = 0;
    for index in 1..=buckets.len() {
        let broken = buckets
            .get(index)
            .is_none_or(|next| next.from_s > buckets[index - 1].to_s + 0.001);
        if broken {
            stretches.push(&buckets[start..index]);
            start = index;
        }
    }
    stretches
}

/// Every Region in the order in which a reader meets it: home first.
fn region_colours(report: &Report) -> BTreeMap<String, usize> {
    let timeline = &report.timeline;
    let mut names: Vec<&str> = Vec::new();
    let writers = timeline.writer.iter().filter_map(|c| c.value.as_deref());
    let dials = timeline.dials.iter().map(|series| series.region.as_str());
    let nodes = timeline.nodes.iter().map(|series| series.region.as_str());
    let answers = timeline.dns.iter().filter_map(|c| c.value.as_deref());
    for name in writers.chain(answers).chain(dials).chain(nodes) {
        if !names.contains(&name) && !name.contains(" + ") {
            names.push(name);
        }
    }
    names
        .into_iter()
        .enumerate()
        .map(|(index, name)| (name.to_owned(), index))
        .collect()
}

fn flag_text(mark: &Mark) -> String {
    format!("{} {}", mark.kind.label(), moment(mark.at_s))
}

fn mark_class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Fault => "mark mark-fault",
        MarkKind::Cleared | MarkKind::Whole | MarkKind::Verified => "mark mark-good",
        MarkKind::Operator | MarkKind::Verdict | MarkKind::Decision | MarkKind::Leader => "mark",
    }
}

fn mark_text_class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Fault => "flag flag-fault",
        MarkKind::Cleared | MarkKind::Whole | MarkKind::Verified => "flag flag-good",
        MarkKind::Operator | MarkKind::Verdict | MarkKind::Decision | MarkKind::Leader => "flag",
    }
}

fn status_class(status: &str) -> &'static str {
    match status {
        "done" => "step-done",
        "failed" => "step-failed",
        "unknown" | "awaiting_approval" => "step-unknown",
        "intent" => "step-running",
        _ => "step-idle",
    }
}

#[expect(clippy::cast_precision_loss, reason = "labels are short")]
fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}

/// `text`, cut so that it fits.
fn shorten(text: &str, width: f64) -> String {
    if letters(text) * LETTER <= width {
        return text.to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number of letters"
    )]
    let keep = ((width / LETTER).floor().max(2.0) as usize) - 1;
    let kept: String = text.chars().take(keep).collect();
    format!("{kept}…")
}
