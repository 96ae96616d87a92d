//! Bearer tokens: made at random, kept as their SHA-256.
//!
//! A fast hash is enough, because nobody can guess 256 random bits; and only because of that: what could
//! be guessed is refused, whatever the file says.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What every token of `failoverctl token new` begins with: secret scanners find it.
pub const PREFIX: &str = "fod_";

/// Bytes of chance in a new token.
pub const BYTES: usize = 32;

/// Characters that a token has at least.
const SHORTEST: usize = 32;

/// Bits that a token must hold by the frequency of its characters: below what 24 random bytes in
/// hexadecimal have, above any word, date or pattern of this length.
const LEAST_BITS: f64 = 96.0;

/// As kept in the file.
pub(super) type Hash = [u8; 32];

/// The text of a token made of these random bytes.
pub fn token_of(random: &[u8; BYTES]) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random))
}

/// Its hash as the file has it: 64 hexadecimal digits.
pub fn token_hash(token: &str) -> String {
    hex::encode(hash(token))
}

pub(super) fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// Why a token could be guessed, if so.
pub(super) fn weakness(token: &str) -> Option<String> {
    let length = token.chars().count();
    if length < SHORTEST {
        return Some(format!(
            "it has {length} characters, at least {SHORTEST} are needed"
        ));
    }
    let secret = token.strip_prefix(PREFIX).unwrap_or(token);
    (bits(secret) < LEAST_BITS).then(|| "its characters repeat too much".to_owned())
}

/// Shannon's entropy of the characters, times their number: an upper bound of what is in them.
fn bits(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1;
    }
    let length: f64 = counts.values().copied().map(f64::from).sum();
    counts
        .values()
        .map(|&n| f64::from(n) * (length / f64::from(n)).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_drawn_is_never_weak(random: [u8; BYTES]) {
            // Thirty-two bytes that agree in all but a few are not drawn in the life of a universe.
            prop_assume!(random.iter().collect::<std::collections::BTreeSet<_>>().len() > 16);
            prop_assert_eq!(weakness(&token_of(&random)), None);
        }
    }

    #[test]
    fn what_could_be_guessed_is_weak() {
        for token in [
            "",
            "hunter2",
            "fod_hunter2",
            "correct horse battery staple",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "fod_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabcabcabcabcabcabcabcabc",
        ] {
            assert!(weakness(token).is_some(), "{token}");
        }
        // `openssl rand -hex 32`
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(weakness(hex), None);
    }

    #[test]
    fn a_hash_is_what_sha256sum_says() {
        assert_eq!(
            token_hash("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
