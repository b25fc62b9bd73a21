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
            if view.shape() != parameter.shape || view.dtype() != Dtype::F32 {
                let (expected, found, dtype) = (&parameter.shape, view.shape(), view.dtype());
                return Err(WeightsError(format!(
                    "tensor {name} is {found:?} {dtype:?}, expected {expected:?} F32"
                )));
            }
            let numbers = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            parameter.data = numbers.collect();
            if parameter.data.iter().any(|x| !x.is_finite()) {
                return Err(WeightsError(format!("tensor {name} holds numbers that are not finite")));
            }
        }
        Ok(())
    }
}
