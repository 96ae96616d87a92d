//! DESIGN section 3, enforced: a file uses only what stands on a lower floor, or in its own room, and
//! the floors of the pure core name nothing impure.
//!
//! It reads the sources as text: fast, no compiler internals, and its messages say where and how to
//! mend it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The floor of every room. What is not here is not a room: a new top-level module fails until it
/// has a floor.
const ROOMS: [(&str, u8); 17] = [
    ("model", 0),
    ("detect", 1),
    ("quorum", 1),
    ("runbook", 1),
    ("run", 1),
    // Its types stand on floor 1: see `floor_of_config_item`.
    ("config", 5),
    ("controller", 2),
    ("ports", 3),
    ("probe", 4),
    ("actuate", 4),
    ("ledger", 4),
    ("peer", 4),
    ("notify", 4),
    ("sandbox", 4),
    ("daemon", 5),
    ("api", 6),
    ("drill", 7),
];

/// The command line plays drills, so that of the two rooms of floor 7 it is the upper one.
const CLI: (&str, u8) = ("cli", 8);
/// The programs use what they like; they are thin.
const PROGRAMS: u8 = 9;

/// A room without a floor.
const UNKNOWN: u8 = u8::MAX;

/// The highest floor that must be pure.
const PURE: u8 = 2;

/// What the pure floors may not name, and what to do instead.
const IMPURE: [(&str, &str); 15] = [
    ("tokio", "return an effect and let the daemon perform it"),
    ("Instant", "take `now: Now` as an argument"),
    ("SystemTime", "take `now: Now` as an argument"),
    ("std::fs", "let the loader or the ledger read and write"),
    ("std::env", "let the loader read the environment"),
    ("std::io", "return text or an effect"),
    ("std::process", "return an effect"),
    ("std::thread", "the core decides on its caller's thread"),
    ("std::sync::mpsc", "return effects instead of sending them"),
    ("TcpStream", "let the prober do it"),
    ("TcpListener", "let the API do it"),
    ("UdpSocket", "let the prober do it"),
    ("rand", "take a seed as an argument"),
    ("reqwest", "let the actuator do it"),
    ("println!", "return what is to be said"),
];

#[test]
fn every_file_uses_only_lower_floors_and_its_own_room() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config_types = config_types(root);
    let mut findings = String::new();
    let files = sources(&root.join("src"));
    assert!(files.len() > 30, "the sources are where they were");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        let path = path.strip_prefix(root).expect("below the root");
        for finding in check(path, &text, &config_types) {
            // Writing to a String cannot fail.
            let _ = writeln!(findings, "{finding}");
        }
    }
    assert!(findings.is_empty(), "\n{findings}");
}

/// Every finding in one file.
fn check(path: &Path, text: &str, config_types: &BTreeSet<String>) -> Vec<String> {
    let Some(place) = Place::of(path) else {
        return Vec::new();
    };
    let code = blank_comments_and_strings(text);
    let mut findings = Vec::new();
    if place.floor == UNKNOWN {
        findings.push(format!(
            "{}:1: {} has no floor: give it one in DESIGN section 3 and in tests/layering.rs",
            path.display(),
            place.room
        ));
    }
    for used in used_paths(&code, place.depth) {
        let Some(room) = used.path.first() else {
            continue;
        };
        let target = match floor_of_item(&used.path, config_types) {
            Some(floor) => floor,
            // An item of `lib.rs` itself; a room without a floor is found by its own files.
            None => continue,
        };
        if *room != place.room && target >= place.floor {
            findings.push(format!(
                "{}:{}: {} (floor {}) uses crate::{} (floor {target}): a file may use only lower floors. \
                 Move what you need down (types to `model`), pass it in as an argument, or implement a \
                 trait of `ports`",
                path.display(),
                used.line,
                place.room,
                place.floor,
                used.path.join("::"),
            ));
        }
    }
    if place.floor <= PURE {
        for (number, line) in code.lines().enumerate() {
            for (word, remedy) in IMPURE {
                if has_word(line, word) {
                    findings.push(format!(
                        "{}:{}: `{word}` on floor {}, which is pure: {remedy}",
                        path.display(),
                        number + 1,
                        place.floor
                    ));
                }
            }
        }
    }
    findings
}

/// Where a file stands.
struct Place {
    room: String,
    floor: u8,
    /// How many modules it is below the crate's root.
    depth: usize,
}

impl Place {
    fn of(path: &Path) -> Option<Self> {
        let inner = path.strip_prefix("src").ok()?;
        let mut parts: Vec<String> = inner
            .with_extension("")
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        let room = parts.first()?.clone();
        let floor = match room.as_str() {
            // The map itself.
            "lib" => return None,
            "bin" => PROGRAMS,
            "config" if parts.get(1).is_some_and(|file| file == "types") => 1,
            _ => floor_of_room(&room).unwrap_or(UNKNOWN),
        };
        Some(Self {
            room,
            floor,
            depth: parts.len(),
        })
    }
}

fn floor_of_room(room: &str) -> Option<u8> {
    ROOMS
        .iter()
        .chain([&CLI])
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

fn floor_of_item(path: &[String], config_types: &BTreeSet<String>) -> Option<u8> {
    match path {
        [room, item, ..] if room == "config" && config_types.contains(item) => Some(1),
        [room, ..] => floor_of_room(room),
        [] => None,
    }
}

/// The names that `src/config/types.rs` gives to the rest.
fn config_types(root: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root.join("src/config/types.rs"))
        .expect("the configuration's types");
    let mut names: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            let rest = line.strip_prefix("pub ")?;
            let (kind, rest) = rest.split_once(' ')?;
            matches!(kind, "struct" | "enum" | "type" | "const")
                .then(|| rest.chars().take_while(|c| is_word(*c)).collect())
        })
        .collect();
    names.insert("types".to_owned());
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A path from the crate's root that a file names.
#[derive(Debug, PartialEq)]
struct Used {
    line: usize,
    path: Vec<String>,
}

/// Every path that begins with `crate::`, or with as many `super::` as lead there.
fn used_paths(code: &str, depth: usize) -> Vec<Used> {
    let up = "super::".repeat(depth);
    let mut found = Vec::new();
    for start in ["crate::", up.as_str()] {
        for (at, _) in code.match_indices(start) {
            let preceded = code[..at].chars().next_back();
            if preceded.is_some_and(|c| is_word(c) || c == ':' || c == '$') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let mut rest = &code[at + start.len()..];
            let paths = tree(&mut rest, &[]);
            let own = start != "crate::";
            found.extend(
                paths
                    .into_iter()
                    // In an inline module that many `super::` end within the room.
                    .filter(|path| !own || path.first().is_some_and(|r| floor_of_room(r).is_some()))
                    .map(|path| Used { line, path }),
            );
        }
    }
    found
}

/// Reads `a::{b, c::d}` into its leaves.
fn tree(rest: &mut &str, before: &[String]) -> Vec<Vec<String>> {
    *rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        *rest = inner;
        let mut leaves = Vec::new();
        loop {
            *rest = rest.trim_start();
            if rest.is_empty() {
                return leaves;
            }
            if let Some(after) = rest.strip_prefix('}') {
                *rest = after;
                return leaves;
            }
            if let Some(after) = rest.strip_prefix(',') {
                *rest = after;
                continue;
            }
            let length = rest.len();
            leaves.extend(tree(rest, before));
            if rest.len() == length {
                // Nothing a path is made of: no use tree after all.
                return leaves;
            }
        }
    }
    let word: String = rest.chars().take_while(|c| is_word(*c)).collect();
    if word.is_empty() {
        if let Some(after) = rest.strip_prefix('*') {
            *rest = after;
        }
        return vec![before.to_vec()];
    }
    *rest = &rest[word.len()..];
    let path: Vec<String> = before.iter().cloned().chain([word]).collect();
    if let Some(after) = rest.strip_prefix("::") {
        *rest = after;
        return tree(rest, &path);
    }
    if let Some(after) = rest.trim_start().strip_prefix("as ") {
        let alias: usize = after
            .trim_start()
            .chars()
            .take_while(|c| is_word(*c))
            .count();
        *rest = &after.trim_start()[alias..];
    }
    vec![path]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `word` stands in `line` as itself, not as part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(|c| is_word(c) || c == ':' && !word.contains("::") && word == "rand")
            && !after.is_some_and(is_word)
    })
}

/// The same text with comments and the contents of literals blanked, line breaks kept.
fn blank_comments_and_strings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let keep = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < chars.len() {
        let rest = &chars[at..];
        let end = match rest {
            ['/', '/', ..] => at + rest.iter().take_while(|c| **c != '\n').count(),
            ['/', '*', ..] => end_of_block(&chars, at),
            ['r', '"' | '#', ..] if !at.checked_sub(1).is_some_and(|b| is_word(chars[b])) => {
                end_of_raw(&chars, at)
            }
            ['"', ..] => end_of_string(&chars, at),
            // A character; a lifetime has no quote after it.
            ['\'', '\\', ..] => end_of_escape(&chars, at),
            ['\'', _, '\'', ..] => at + 3,
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end.min(chars.len())].iter().map(|c| keep(*c)));
            at = end;
        }
    }
    out
}

fn end_of_block(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => {
                depth += 1;
                at += 2;
            }
            ('*', '/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of `r#"…"#`, or `start` if it is none (`r#type`).
fn end_of_raw(chars: &[char], start: usize) -> usize {
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + hashes) != Some(&'"') {
        return start;
    }
    let mut at = start + 2 + hashes;
    while at < chars.len() {
        let closing = chars[at] == '"'
            && chars[at + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes;
        if closing {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_escape(chars: &[char], start: usize) -> usize {
    chars[start + 2..]
        .iter()
        .skip(1)
        .position(|c| *c == '\'')
        .map_or(chars.len(), |length| start + 4 + length)
}

fn findings(path: &str, text: &str) -> Vec<String> {
    let types = BTreeSet::from(["Config".to_owned()]);
    check(Path::new(path), text, &types)
}

#[test]
fn a_use_of_a_higher_floor_is_found_with_its_line() {
    let found = findings("src/quorum/tally.rs", "//! x\n\nuse crate::daemon::Node;\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("src/quorum/tally.rs:3: "), "{found:?}");
    assert!(found[0].contains("may use only lower floors"), "{found:?}");
}

#[test]
fn rooms_of_one_floor_do_not_know_each_other() {
    assert_eq!(
        findings("src/actuate/a.rs", "use crate::sandbox::World;").len(),
        1
    );
    assert_eq!(
        findings("src/sandbox/a.rs", "use crate::actuate::Aws;").len(),
        1
    );
    assert_eq!(findings("src/detect/a.rs", "use crate::run;").len(), 1);
    assert_eq!(findings("src/drill/a.rs", "use crate::cli::Exit;").len(), 1);
    assert_eq!(findings("src/cli/a.rs", "use crate::drill::run;"), [""; 0]);
}

#[test]
fn groups_and_paths_in_expressions_are_seen_too() {
    let found = findings(
        "src/ledger/mod.rs",
        "use crate::{model::{Run, RunId}, probe::{self, Prober}};\nfn f() { crate::api::serve(); super::daemon::go() }\n",
    );
    // Both leaves of `probe`, `api`, and the daemon above this room's root.
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn the_configurations_types_stand_low_and_its_loader_high() {
    assert_eq!(
        findings("src/probe/a.rs", "use crate::config::Config;"),
        [""; 0]
    );
    assert_eq!(
        findings("src/probe/a.rs", "use crate::config::load;").len(),
        1
    );
    assert_eq!(
        findings("src/config/types.rs", "use crate::controller::X;").len(),
        1
    );
    assert_eq!(
        findings("src/config/load.rs", "use crate::controller::X;"),
        [""; 0]
    );
}

#[test]
fn the_pure_floors_name_nothing_impure() {
    let impure = "use std::time::Instant;\nuse tokio::time;\nlet x: u8 = rand::random();\nstd::fs::read(p);\n";
    assert_eq!(findings("src/run/engine.rs", impure).len(), 4);
    assert_eq!(findings("src/daemon/loop.rs", impure), [""; 0]);
}

#[test]
fn comments_and_strings_are_not_code() {
    let text = "// use crate::daemon::x\n/* tokio /* crate::api::y */ */\nlet s = \"crate::daemon::z tokio\";\nlet r = r#\"crate::cli::q \"rand\" \"#;\nlet c = '\"'; let l: &'static str = \"tokio\";\nlet e = '\\''; // rand\n";
    assert_eq!(findings("src/model/x.rs", text), [""; 0]);
}

#[test]
fn a_new_room_needs_a_floor() {
    assert_eq!(findings("src/attic/mod.rs", "").len(), 1);
}

#[test]
fn words_within_words_are_not_meant() {
    assert_eq!(
        findings("src/detect/x.rs", "let operand = brand + Instantaneous;"),
        [""; 0]
    );
}
