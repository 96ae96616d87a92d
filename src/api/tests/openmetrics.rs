//! A strict reader of OpenMetrics 1.0 text, as far as this project writes it: what it refuses, a
//! scraper may refuse too.

use std::collections::{BTreeMap, BTreeSet};

/// Every series with its value; the labels in the order of their names.
pub type Series = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Reads all of it, or says what is wrong with which line.
pub fn read(text: &str) -> Result<Series, String> {
    let body = text
        .strip_suffix("# EOF\n")
        .ok_or("does not end with # EOF and a line feed")?;
    let mut reader = Reader::default();
    for line in body.lines() {
        reader.line(line).map_err(|why| format!("{why}: {line}"))?;
    }
    reader.family_ends()?;
    Ok(reader.series)
}

#[derive(Default)]
struct Reader {
    series: Series,
    seen: BTreeSet<String>,
    family: Family,
}

#[derive(Default)]
struct Family {
    name: String,
    kind: Option<String>,
    sampled: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if let Some(rest) = line.strip_prefix("# ") {
            return self.about(rest);
        }
        self.sample(line)
    }

    /// HELP opens a family, TYPE follows, then UNIT; all before the first sample.
    fn about(&mut self, rest: &str) -> Result<(), &'static str> {
        let (word, rest) = rest.split_once(' ').ok_or("a bare #")?;
        let (name, rest) = rest.split_once(' ').ok_or("nothing after the name")?;
        if !is_name(name) {
            return Err("not a name");
        }
        if word == "HELP" {
            self.family_ends()
                .map_err(|_| "the family before is wrong")?;
            if !self.seen.insert(name.to_owned()) {
                return Err("a family twice");
            }
            self.family = Family {
                name: name.to_owned(),
                ..Family::default()
            };
            return Ok(());
        }
        if name != self.family.name || self.family.sampled {
            return Err("out of place");
        }
        match word {
            "TYPE" if self.family.kind.is_some() => Err("a second TYPE"),
            "TYPE" if !["gauge", "counter", "info", "histogram"].contains(&rest) => {
                Err("an unknown type")
            }
            "TYPE" => {
                self.family.kind = Some(rest.to_owned());
                Ok(())
            }
            "UNIT" if self.family.kind.is_none() => Err("UNIT before TYPE"),
            "UNIT" if !name.ends_with(&format!("_{rest}")) => Err("a name without its unit"),
            "UNIT" => Ok(()),
            _ => Err("neither HELP, TYPE nor UNIT"),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), &'static str> {
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(end);
        if !is_name(name) {
            return Err("not a name");
        }
        let suffix = name
            .strip_prefix(self.family.name.as_str())
            .ok_or("a sample outside its family")?;
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = number(rest.strip_prefix(' ').ok_or("no single space")?)?;
        let fits = match self.family.kind.as_deref() {
            Some("gauge") => suffix.is_empty(),
            Some("counter") => suffix == "_total" && value >= 0.0,
            Some("info") => suffix == "_info" && value == 1.0,
            Some("histogram") => match suffix {
                "_bucket" => labels.contains_key("le") && value >= 0.0,
                "_sum" | "_count" => value >= 0.0,
                _ => false,
            },
            _ => return Err("a sample before TYPE"),
        };
        if !fits {
            return Err("not a sample of that type");
        }
        self.family.sampled = true;
        match self.series.insert((name.to_owned(), labels), value) {
            None => Ok(()),
            Some(_) => Err("a series twice"),
        }
    }

    /// Buckets are cumulative and end with +Inf, which is the count.
    fn family_ends(&self) -> Result<(), String> {
        if self.family.kind.as_deref() != Some("histogram") {
            return Ok(());
        }
        let name = &self.family.name;
        let mut histograms: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
        for ((series, labels), value) in &self.series {
            if series == &format!("{name}_bucket") {
                let mut labels = labels.clone();
                let le = labels.remove("le").ok_or("no le")?;
                histograms
                    .entry(labels)
                    .or_default()
                    .push((number(&le)?, *value));
            }
        }
        for (labels, mut buckets) in histograms {
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            let rising = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
            let count = self.series.get(&(format!("{name}_count"), labels));
            let last = buckets.last().ok_or("no buckets")?;
            if !rising || last.0 != f64::INFINITY || Some(&last.1) != count {
                return Err(format!("the buckets of {name} do not add up"));
            }
        }
        Ok(())
    }
}

fn labels(mut rest: &str) -> Result<(BTreeMap<String, String>, &str), &'static str> {
    let mut labels = BTreeMap::new();
    loop {
        let (key, after) = rest.split_once("=\"").ok_or("a label without value")?;
        if !is_name(key) || key.contains(':') {
            return Err("not a label's name");
        }
        let (value, after) = quoted(after)?;
        if labels.insert(key.to_owned(), value).is_some() {
            return Err("a label twice");
        }
        match after.split_at_checked(1) {
            Some((",", after)) => rest = after,
            Some(("}", after)) => return Ok((labels, after)),
            _ => return Err("labels without end"),
        }
    }
}

fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                _ => return Err("a wrong escape"),
            },
            c => value.push(c),
        }
    }
    Err("a label without end")
}

fn number(text: &str) -> Result<f64, &'static str> {
    if text == "+Inf" {
        return Ok(f64::INFINITY);
    }
    if !text
        .chars()
        .all(|c| c.is_ascii_digit() || "+-.e".contains(c))
    {
        return Err("not a number");
    }
    text.parse().map_err(|_| "not a number")
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || "_:".contains(c))
        && chars.all(|c| c.is_ascii_alphanumeric() || "_:".contains(c))
}

#[test]
fn the_reader_refuses_what_is_wrong() {
    let good = "# HELP a A.\n# TYPE a gauge\na{x=\"1\"} 1.0\n# EOF\n";
    assert_eq!(read(good).map(|series| series.len()), Ok(1));
    let wrong = [
        "# HELP a A.\n# TYPE a gauge\na 1.0\n",
        "a 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na 1.0\na 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na{x=\"1} 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na{} 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a counter\na 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\n# UNIT a seconds\na 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\n\na 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\na one\n# EOF\n",
        "# HELP a A.\n# TYPE a gauge\n# HELP b B.\n# TYPE b gauge\na 1.0\n# EOF\n",
        "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_count 1\n# EOF\n",
    ];
    for text in wrong {
        assert!(read(text).is_err(), "{text}");
    }
}
