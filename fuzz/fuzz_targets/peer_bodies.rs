//! What members say to each other once they are let in, as CBOR: votes, an operator's forwarded calls,
//! the log's messages.

#![no_main]

use failoverd::daemon::understand;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let _understood = understand(body);
});
