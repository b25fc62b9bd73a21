//! A sequence that is still being made: a network hears it piece by piece, and its recurrent state goes on.

use crate::graph::{Graph, ShapeError};
use crate::layers::{Carried, Direction, Layer, Mode, Output, Recurrent};
use crate::network::Network;
use crate::session::Session;

/// What a recurrent layer's step sees: the frames from `stride · t - reach` to `stride · (t + 1) + reach`, without the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct View {
    stride: usize,
    reach: usize,
}

/// One sequence, as far as it was heard.
#[derive(Debug)]
pub struct Sequence {
    session: Session,
    view: View,
    /// The recurrent node.
    node: usize,
    /// Steps that need not be read again: all that they see has come.
    steps: usize,
    carried: Carried,
}

impl Sequence {
    /// A sequence that has not begun. None for a network that must see the whole of it: one that is no chain of layers, or
    /// has not one recurrent layer, of one direction, behind layers that see a few frames each.
    pub fn new(network: &Network) -> Option<Self> {
        let (node, view) = view(network.graph())?;
        Some(Self { session: Session::new(), view, node, steps: 0, carried: Carried::default() })
    }

    /// The first frame that the next pass wants.
    pub fn first_frame(&self) -> usize {
        let View { stride, reach } = self.view;
        (stride * self.steps).saturating_sub(reach) / stride * stride
    }

    /// What [`Network::infer`] gives for all frames so far, to rounding.
    ///
    /// # Shape
    /// One sample: the frames from [`first_frame`](Self::first_frame) to the newest one → the outputs.
    ///
    /// # Errors
    /// As [`Network::infer`].
    pub fn infer(&mut self, network: &Network, input: &[f32], frames: usize) -> Result<&[f32], ShapeError> {
        let (View { stride, reach }, first) = (self.view, self.first_frame() / self.view.stride);
        let known = (first * stride + frames).saturating_sub(reach) / stride;
        // One step stays to be read: the output is that of the last.
        let steps = known.min((first + frames / stride).saturating_sub(1)).max(self.steps);
        self.carried.skip = self.steps - first;
        self.carried.keep = steps - first;
        self.session.carry(self.node, &mut self.carried);
        self.session.forward(network, &[input], [1, frames], Mode::Infer)?;
        self.session.carry(self.node, &mut self.carried);
        self.steps = steps;
        Ok(self.session.output())
    }
}

/// The recurrent node of a chain, and what its steps see.
fn view(graph: &Graph) -> Option<(usize, View)> {
    let nodes = graph.nodes();
    let behind = |id: usize| nodes[id].inputs.len() == 1 && nodes[id].inputs[0].0 + 1 == id;
    if !(1..nodes.len()).all(behind) {
        return None;
    }
    let recurrent = |layer: &Layer| matches!(layer, Layer::Recurrent(_));
    let node = nodes.iter().position(|node| recurrent(&node.layer))?;
    let again = nodes[node + 1..].iter().any(|node| recurrent(&node.layer));
    let Layer::Recurrent(Recurrent { direction: Direction::Forward, output: Output::Last, .. }) =
        nodes[node].layer
    else {
        return None;
    };
    let start = View { stride: 1, reach: 0 };
    let view = nodes[1..node].iter().try_fold(start, |view, node| view.behind(&node.layer))?;
    (!again).then_some((node, view))
}

impl View {
    fn behind(self, layer: &Layer) -> Option<Self> {
        match layer {
            Layer::Conv2d(conv) if conv.kernel[0] == 2 * conv.padding[0] + 1 => {
                Some(Self { reach: self.reach + self.stride * conv.padding[0], ..self })
            }
            Layer::Pool(pool) if pool.size[0] == pool.stride[0] && pool.padding[0] == 0 => {
                Some(Self { stride: self.stride * pool.size[0], ..self })
            }
            Layer::BatchNorm(_) | Layer::Relu(_) | Layer::Sigmoid(_) | Layer::Dropout(_) => Some(self),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Conv2d, Dense, Pool, PoolKind, RecurrentKind, Relu};

    const BANDS: usize = 4;

    fn network(kind: RecurrentKind, direction: Direction) -> Network {
        let mut graph = Graph::new();
        let mel = graph.input("mel", [20, BANDS, 1]);
        let recurrent = Recurrent { kind, units: 5, direction, output: Output::Last };
        let layers = vec![
            ("conv1", Conv2d::same([3, 3], 3).into()),
            ("relu", Relu.into()),
            ("pool", Pool::new(PoolKind::Max, [2, 2]).into()),
            ("conv2", Conv2d::same([5, 1], 4).into()),
            ("pool2", Pool::new(PoolKind::Average, [3, 1]).into()),
            ("recurrent", recurrent.into()),
            ("out", Dense { units: 2 }.into()),
        ];
        graph.chain(mel, layers).unwrap();
        Network::new(graph, 5)
    }

    #[test]
    fn pieces_of_any_length_give_what_the_whole_gives() {
        let input: Vec<f32> =
            (0..97 * BANDS).map(|n| (n as f32 * 0.7).sin() + (n % 5) as f32 / 3.0).collect();
        for kind in [RecurrentKind::Lstm, RecurrentKind::Gru, RecurrentKind::Simple] {
            let network = network(kind, Direction::Forward);
            for piece in [1, 4, 7, 31, 97] {
                let mut sequence = Sequence::new(&network).unwrap();
                for end in (6..97).step_by(piece).chain([97]) {
                    let first = sequence.first_frame();
                    assert!(end - first <= piece + 6 + 2 * 5 + 6, "from {first} to {end}");
                    let part = &input[first * BANDS..end * BANDS];
                    let carried = sequence.infer(&network, part, end - first).unwrap().to_vec();
                    let whole = network.infer(&[&input[..end * BANDS]], 1, end).unwrap();
                    for (carried, whole) in carried.iter().zip(&whole) {
                        assert!(
                            (carried - whole).abs() < 1e-5,
                            "{kind:?}, {piece}, {end}: {carried} {whole}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_needs_the_whole_is_refused() {
        assert!(Sequence::new(&network(RecurrentKind::Lstm, Direction::Both)).is_none());
        let mut graph = Graph::new();
        let mel = graph.input("mel", [20, BANDS, 1]);
        graph.chain(mel, vec![("out", Dense { units: 2 }.into())]).unwrap();
        assert!(Sequence::new(&Network::new(graph, 1)).is_none());
    }
}
