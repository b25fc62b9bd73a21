//! Parameters to and from safetensors bytes.

use crate::network::Network;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::HashMap;
use std::fmt;

/// Weights that are not those of the network; says which tensor and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsError(String);

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WeightsError {}

impl Network {
    /// All parameters as a safetensors file with `metadata` in its header.
    ///
    /// # Errors
    /// When the library refuses to write (never for a network of ours).
    pub fn to_safetensors(&self, metadata: HashMap<String, String>) -> Result<Vec<u8>, WeightsError> {
        let bytes: Vec<Vec<u8>> =
            self.parameters().iter().map(|p| p.data.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views: Result<Vec<_>, _> = self
            .parameters()
            .iter()
            .zip(&bytes)
            .map(|(p, bytes)| TensorView::new(Dtype::F32, p.shape.clone(), bytes).map(|view| (&p.name, view)))
            .collect();
        let fail = |error: safetensors::SafeTensorError| WeightsError(error.to_string());
        safetensors::serialize(views.map_err(fail)?, Some(metadata)).map_err(fail)
    }

    /// Takes over every parameter of a parsed file.
    ///
    /// # Errors
    /// When a tensor is missing, extra, of another shape or type, or holds numbers that are not finite.
    pub fn load_safetensors(&mut self, file: &SafeTensors) -> Result<(), WeightsError> {
        let names: Vec<String> = self.parameters().iter().map(|p| p.name.clone()).collect();
        if let Some(extra) = file.names().into_iter().find(|name| !names.iter().any(|n| n == name)) {
            return Err(WeightsError(format!("tensor {extra} is not one of the network's")));
        }
        for parameter in self.parameters_mut() {
            let name = &parameter.name;
            let view = file.tensor(name).map_err(|_| WeightsError(format!("tensor {name} is missing")))?;
            let numbers = numbers(&view).filter(|_| view.shape() == parameter.shape);
            parameter.data = numbers.ok_or_else(|| {
                let (expected, found, dtype) = (&parameter.shape, view.shape(), view.dtype());
                WeightsError(format!(
                    "tensor {name} is {found:?} {dtype:?}, expected {expected:?} in F32 or F16"
                ))
            })?;
            if parameter.data.iter().any(|x| !x.is_finite()) {
                return Err(WeightsError(format!("tensor {name} holds numbers that are not finite")));
            }
        }
        Ok(())
    }
}

/// The numbers of a tensor of single or half precision.
fn numbers(view: &TensorView) -> Option<Vec<f32>> {
    match view.dtype() {
        Dtype::F32 => Some(view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        Dtype::F16 => {
            Some(view.data().as_chunks::<2>().0.iter().map(|b| from_half(u16::from_le_bytes(*b))).collect())
        }
        _ => None,
    }
}

/// A number of IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction.
fn from_half(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff));
    // Three more bits of exponent, whose offset is larger by 112.
    let finite = (f32::from_bits(rest << 13) * f32::from_bits((127 + 112) << 23)).to_bits();
    let magnitude = if rest < 0x7c00 { finite } else { 0xff << 23 | rest << 13 };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Graph;
    use crate::layers::Dense;

    #[test]
    fn half_precision_is_read() {
        let cases = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x8400, -6.103_515_6e-5),
            (0x7c00, f32::INFINITY),
        ];
        for (bits, number) in cases {
            assert_eq!(from_half(bits), number, "{bits:#x}");
        }
        assert!(from_half(0x7e00).is_nan());
    }

    #[test]
    fn a_file_may_hold_half_precision_but_no_other_type_and_nothing_infinite() {
        let mut graph = Graph::new();
        let input = graph.input("x", [1, 1, 2]);
        graph.chain(input, vec![("out", Dense { units: 1 }.into())]).unwrap();
        let load = |dtype, weight: &[u8]| {
            let bias = TensorView::new(Dtype::F32, vec![1], &[0, 0, 128, 63]).unwrap();
            let weight = TensorView::new(dtype, vec![2, 1], weight).unwrap();
            let bytes = safetensors::serialize([("out.weight", weight), ("out.bias", bias)], None).unwrap();
            let mut network = Network::unset(graph.clone());
            network.load_safetensors(&SafeTensors::deserialize(&bytes).unwrap()).map(|()| network)
        };
        let network = load(Dtype::F16, &[0, 0x3c, 0, 0xc0]).unwrap();
        assert_eq!(network.infer(&[&[3.0, 1.0]], 1, 1).unwrap(), [2.0]);
        assert!(load(Dtype::I16, &[0, 0x3c, 0, 0xc0]).is_err());
        assert!(load(Dtype::F16, &[0, 0x7c, 0, 0xc0]).is_err());
    }
}
