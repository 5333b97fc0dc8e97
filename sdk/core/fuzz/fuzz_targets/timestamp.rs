#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trialseal_core_fuzz::targets::timestamp(bytes));
