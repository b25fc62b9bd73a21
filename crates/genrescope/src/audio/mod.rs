//! (skeleton)
/// stub
pub struct Waveform;
impl Waveform {
    /// stub
    pub fn decode(_: &std::path::Path, _: u32) -> crate::Result<Self> {
        Ok(Self)
    }
}
