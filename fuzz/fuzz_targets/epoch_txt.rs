//! Any TXT value is an epoch record or is not; what is one is written back as it was read.

#![no_main]

use failoverd::model::{epoch_txt_value, parse_epoch_txt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &str| {
    if let Some((epoch, app)) = parse_epoch_txt(value) {
        let written = epoch_txt_value(&app, epoch);
        assert_eq!(parse_epoch_txt(&written), Some((epoch, app)));
    }
});
