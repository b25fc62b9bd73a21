//! (skeleton)
/// stub
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Normalisation {
    #[allow(missing_docs)]
    pub mean: Vec<f32>,
    #[allow(missing_docs)]
    pub deviation: Vec<f32>,
}
impl Normalisation {
    #[allow(missing_docs)]
    pub fn apply(&self, patch: &mut [f32], bands: usize) {
        for frame in patch.chunks_exact_mut(bands) {
            for (b, x) in frame.iter_mut().enumerate() {
                *x = (*x - self.mean[b % self.mean.len()]) / self.deviation[b % self.deviation.len()];
            }
        }
    }
}
