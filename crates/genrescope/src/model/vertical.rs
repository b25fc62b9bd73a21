//! The vertical kernels of a trained network: what each listens to, band by band.

use genrescope_nn::layers::Layer;

use super::Model;

/// Kernels that reach over all bands.
#[derive(Clone, Debug, PartialEq)]
pub struct VerticalKernels {
    /// Steps of time that a kernel is wide.
    pub steps: usize,
    /// Rows that it is high; each stands for equally many mel bands, the lowest first.
    pub rows: usize,
    /// One a kernel, `[steps, rows]` row-major: root mean square of the weights of all input channels.
    pub strengths: Vec<Vec<f32>>,
}

/// The kernels of the first convolution that reaches over more than one band and leaves one; none where no layer does.
pub fn vertical_kernels(model: &Model) -> Option<VerticalKernels> {
    let network = model.network().ok()?;
    let vertical = |layer: &Layer, shape: [usize; 3]| match layer {
        Layer::Conv2d(conv) => (conv.kernel[1] > 1 && shape[1] == 1).then_some(conv.kernel),
        _ => None,
    };
    let mut nodes = network.graph().nodes().iter();
    let (name, [steps, rows]) =
        nodes.find_map(|node| Some((&node.name, vertical(&node.layer, node.shape)?)))?;
    let weight = format!("{name}.weight");
    let weights = network.parameters().iter().find(|parameter| parameter.name == weight)?;
    let (&channels_out, &channels_in) = (weights.shape.last()?, weights.shape.get(2)?);
    let strength = |cell: usize, kernel: usize| {
        let squares =
            (0..channels_in).map(|c| weights.data[(cell * channels_in + c) * channels_out + kernel].powi(2));
        (squares.sum::<f32>() / channels_in as f32).sqrt()
    };
    let kernel = |kernel: usize| (0..steps * rows).map(|cell| strength(cell, kernel)).collect();
    Some(VerticalKernels { steps, rows, strengths: (0..channels_out).map(kernel).collect() })
}
