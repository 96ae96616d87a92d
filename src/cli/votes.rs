//! `failoverctl votes`: who thinks what of which Region, and on what grounds.

use clap::Args;

use super::frame::{
    Cell, Ended, Frame, Palette, RawWatch, Table, Tone, age, length, or_dash, watch, wrapped,
};
use super::status::verdict;
use crate::api::wire::{Opinion, ProbeRow, RegionVotes, VoteMatrix, VoteRow};

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawVotes {
    /// The application
    application: String,
    #[command(flatten)]
    watch: RawWatch,
}

impl RawVotes {
    /// Shows them.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let path = ["v1", "applications", &self.application, "votes"];
        let fetch = || frame.client.get::<VoteMatrix>(&path);
        watch(frame, self.watch, fetch, render)
    }
}

/// The matrix: a row per member, a column per Region; then what each `down` stands on.
pub fn render(matrix: &VoteMatrix, palette: Palette) -> String {
    let mut text = String::new();
    for region in &matrix.regions {
        let (tone, word) = verdict(region.verdict);
        let lasting = region
            .verdict_for_ms
            .map_or_else(String::new, |ms| format!(" for {}", length(ms)));
        // Whoever is at home in it has no say.
        let outside = region.votes.iter().filter(|vote| !vote.inside).count();
        let counted = format!(
            "{} is {word}{lasting}: {} of {outside} members outside say down, {} are needed",
            region.region, region.down, region.needed
        );
        text += &palette.paint_lines(tone, &wrapped("", &counted));
    }
    text.push('\n');
    let regions = matrix.regions.iter().map(|region| region.region.clone());
    let mut table = Table::new(
        ["MEMBER".to_owned(), "AT HOME IN".to_owned()]
            .into_iter()
            .chain(regions),
    );
    for member in &matrix.members {
        let cells = matrix.regions.iter().map(|region| {
            let vote = region.votes.iter().find(|vote| vote.member == member.id);
            vote.map_or_else(|| Cell::toned(Tone::Warn, "never heard"), cell)
        });
        let own = [member.id.as_str().into(), member.region.as_str().into()];
        table.row(own.into_iter().chain(cells));
    }
    text += &table.render(palette);
    text + &grounds(matrix, palette)
}

/// `down, 1 s ago`, and why it does not count.
fn cell(vote: &VoteRow) -> Cell {
    let (tone, word) = match vote.opinion {
        Some(Opinion::Up) => (Tone::Good, "up"),
        Some(Opinion::Suspect) => (Tone::Warn, "suspect"),
        Some(Opinion::Down) => (Tone::Bad, "DOWN"),
        Some(Opinion::Unknown) => (Tone::Warn, "unknown"),
        None => (Tone::Warn, "never heard"),
    };
    let mut text = word.to_owned();
    if let Some(ms) = vote.age_ms {
        text += &format!(", {}", age(ms));
    }
    if vote.inside {
        return Cell::toned(Tone::Faint, format!("{text} (inside: no say)"));
    }
    match &vote.unusable {
        Some(why) => Cell::toned(tone, format!("{text} (does not count: {})", plain(why))),
        None => Cell::toned(tone, text),
    }
}

fn grounds(matrix: &VoteMatrix, palette: Palette) -> String {
    let mut table = Table::new(["REGION", "MEMBER", "PROBE", "FAILED", "SEEN", "WHY"]);
    let mut any = false;
    for region in &matrix.regions {
        for vote in &region.votes {
            for probe in vote.probes.iter().filter(|probe| probe.up != Some(true)) {
                any = true;
                table.row(probe_cells(region, vote, probe));
            }
        }
    }
    let mut text = String::new();
    if any {
        text += "\nProbes that are not up:\n";
        text += &table.render(palette);
    }
    for region in &matrix.regions {
        for vote in &region.votes {
            if let Some(reason) = vote.reason.as_ref().filter(|reason| *reason != "probes") {
                let why = format!("{} on {}: {}", vote.member, region.region, plain(reason));
                text += &wrapped("note: ", &why);
            }
        }
    }
    text
}

fn probe_cells(region: &RegionVotes, vote: &VoteRow, probe: &ProbeRow) -> [Cell; 6] {
    let name = if probe.critical {
        probe.probe.clone()
    } else {
        format!("{} (not critical)", probe.probe)
    };
    let lasting = vote
        .failing_for_ms
        .map_or_else(String::new, |ms| format!(" in {}", length(ms)));
    [
        region.region.as_str().into(),
        vote.member.as_str().into(),
        name.into(),
        Cell::toned(
            if probe.up == Some(false) {
                Tone::Bad
            } else {
                Tone::Warn
            },
            format!("{}×{lasting}", probe.failures_in_row),
        ),
        or_dash(probe.sample_age_ms.map(age).as_deref()).into(),
        or_dash(probe.last_failure.as_deref()).into(),
    ]
}

/// A code in words.
fn plain(code: &str) -> String {
    code.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_matrix_fits_a_terminal() {
        let text = render(&sample::votes(), Palette::PLAIN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("votes", text);
    }

    #[test]
    fn so_do_five_regions_with_long_names() {
        let mut matrix = sample::votes();
        for name in ["ap-northeast-1", "ap-southeast-2", "us-gov-east-1"] {
            let mut region = matrix.regions[1].clone();
            region.region = name.to_owned();
            matrix.regions.push(region);
        }
        let text = render(&matrix, Palette::PLAIN);
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!("votes_of_five_regions", text);
    }
}
