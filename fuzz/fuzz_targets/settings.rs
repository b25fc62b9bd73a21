//! Any text as a settings file: refused, or read back the same.
#![no_main]

use genrescope::train::Settings;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(settings) = Settings::parse(text, &[]) {
        let again = Settings::parse(&settings.to_toml(), &[]).expect("what is written can be read");
        assert_eq!(settings.to_toml(), again.to_toml());
    }
});
