//! Joins a network with tags that have a head of its genres, and judges recordings: a line of JSON for each.
//!
//! ```sh
//! cargo run --release --example joined -- network.safetensors musicnn.safetensors FOLDER
//! ```

use std::env::args;
use std::error::Error;
use std::path::Path;

use genrescope::audio::{AudioStream, audio_files};
use genrescope::model::Model;
use genrescope::predict::{Settings, classify};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = args().skip(1).collect();
    let [network, tags, folder] = arguments.try_into().map_err(|_| "say NETWORK TAGS FOLDER")?;
    let tags = Model::load(Path::new(&tags))?;
    let model = Model::load(Path::new(&network))?.joined(tags, "joined")?;
    let rate_hz = model.header.front_end.sample_rate_hz;
    for path in audio_files(Path::new(&folder)) {
        let path = path?;
        let heard = classify(&model, AudioStream::open(&path, rate_hz)?, &Settings::default())?;
        println!("{}", json!({ "path": path, "genres": model.header.genres, "scores": heard.scores }));
    }
    Ok(())
}
