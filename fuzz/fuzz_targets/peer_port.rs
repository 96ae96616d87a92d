//! What comes in at the port between members, before anybody is believed: frames, hellos, refusals.
//!
//! The first byte says how many bytes come at a time.

#![no_main]

use failoverd::peer::understand;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((at_a_time, rest)) = bytes.split_first() else {
        return;
    };
    let whole = understand(rest, usize::MAX);
    assert_eq!(understand(rest, usize::from(*at_a_time)), whole, "it depends on how they are cut");
});
