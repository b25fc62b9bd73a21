//! One pass over a network: values forward, gradients backward, in buffers that are kept from step to step.

use crate::graph::{Node, Shape, ShapeError, size};
use crate::kernels::Write;
use crate::layers::{Backward, Carried, Layer, Memo, Mode, Op, Owed, Pass, Value};
use crate::network::Network;
use crate::plan::Task;

/// Buffers of a pass. Reuse one session for all steps of a training: buffers are allocated once.
#[derive(Debug, Default)]
pub struct Session {
    samples: usize,
    shapes: Vec<Shape>,
    mode: Option<Mode>,
    values: Vec<Vec<f32>>,
    memos: Vec<Memo>,
    d_values: Vec<Option<Vec<f32>>>,
    /// What those gradients still lack.
    owed: Vec<Option<Owed>>,
    d_parameters: Vec<Vec<f32>>,
    free: Vec<Vec<f32>>,
}

impl Session {
    /// A session without buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs the network over a batch of `[samples, frames]` and gives its output.
    ///
    /// # Errors
    /// As [`Network::infer`].
    pub fn forward(
        &mut self,
        network: &Network,
        inputs: &[&[f32]],
        [samples, frames]: [usize; 2],
        mode: Mode,
    ) -> Result<&[f32], ShapeError> {
        self.shapes = network.graph().shapes(frames)?;
        (self.samples, self.mode) = (samples, Some(mode));
        let nodes = network.graph().nodes();
        self.values.resize_with(nodes.len(), Vec::new);
        self.memos.resize_with(nodes.len(), Memo::default);
        check_inputs(network, &self.shapes, inputs, samples)?;
        for (index, task) in network.plan().tasks.iter().enumerate() {
            self.run(network, task, inputs);
            if mode == Mode::Infer {
                self.release(network, index);
            }
        }
        Ok(self.output())
    }

    /// The output of the last pass.
    pub(crate) fn output(&self) -> &[f32] {
        self.values.last().map_or(&[], |_| self.written(self.values.len() - 1))
    }

    /// A value that a task has written; its buffer may be longer.
    fn written(&self, id: usize) -> &[f32] {
        &self.values[id][..self.samples * size(self.shapes[id])]
    }

    /// Changes where the recurrent layer of a node goes on.
    pub(crate) fn carry(&mut self, node: usize, carried: &mut Carried) {
        let needed = self.memos.len().max(node + 1);
        self.memos.resize_with(needed, Memo::default);
        std::mem::swap(&mut self.memos[node].carried, carried);
    }

    /// The gradients of all parameters, from the gradient of the output of the last training [`Session::forward`], whose
    /// inputs they want again.
    /// Those of running statistics are the batch's own values.
    ///
    /// # Panics
    /// For a [folded](Network::folded) network with sums, which is for inference alone.
    pub fn backward(&mut self, network: &Network, inputs: &[&[f32]], d_output: &[f32]) -> &[Vec<f32>] {
        let parameters = network.parameters();
        self.d_parameters.resize_with(parameters.len(), Vec::new);
        for (gradient, parameter) in self.d_parameters.iter_mut().zip(parameters) {
            gradient.resize(parameter.data.len(), 0.0);
        }
        self.d_values = vec![None; self.values.len()];
        self.owed = (0..self.values.len()).map(|_| None).collect();
        let mut last = self.take(d_output.len());
        last.copy_from_slice(d_output);
        *self.d_values.last_mut().expect("a graph has an output") = Some(last);
        for task in network.plan().tasks.iter().rev() {
            self.run_back(network, task, inputs);
        }
        &self.d_parameters
    }

    fn pass(&self, network: &Network, task: &Task) -> Pass {
        Pass {
            path: network.path(),
            mode: self.mode.unwrap_or(Mode::Infer),
            samples: self.samples,
            node: task.node(),
            relu: task.relu(),
        }
    }

    fn run(&mut self, network: &Network, task: &Task, given: &[&[f32]]) {
        let node = &network.graph().nodes()[task.node()];
        let length = self.samples * size(self.shapes[task.value()]);
        let mut output = std::mem::take(&mut self.values[task.value()]);
        if output.len() < length {
            output = self.buffer(length);
        }
        let mut memo = std::mem::take(&mut self.memos[task.node()]);
        memo.norm.clear();
        if let (Some(other), Mode::Train { .. }) = (task.same_moments, self.mode.unwrap_or(Mode::Infer)) {
            memo.norm.extend_from_slice(&self.memos[other].norm);
        }
        let inputs: Vec<Value> = node.inputs.iter().map(|id| self.value(network, id.0, given)).collect();
        let (pass, weights) = (self.pass(network, task), weights(network, task));
        memo.prepared = task.block.as_ref().filter(|_| pass.mode == Mode::Infer).and_then(|block| {
            let key = (task.node(), block.fast_products(inputs[0].shape)?);
            Some(network.prepared(key, || block.prepared(inputs[0].shape, &weights)))
        });
        match &task.block {
            Some(block) => {
                let added = task.added.map(|id| self.value(network, id, given).data);
                block.forward(&pass, (inputs[0], added), &weights, &mut output[..length], &mut memo);
            }
            None => op(&node.layer).forward(&pass, &inputs, &weights, &mut output[..length], &mut memo),
        }
        self.values[task.value()] = output;
        self.memos[task.node()] = memo;
    }

    fn run_back(&mut self, network: &Network, task: &Task, given: &[&[f32]]) {
        let nodes = network.graph().nodes();
        let node = &nodes[task.node()];
        assert!(task.added.is_none(), "a folded network is for inference alone");
        let Some(mut d_output) = self.d_values[task.value()].take() else { return };
        let mut owed = self.owed[task.value()].take();
        let pass = self.pass(network, task);
        if !task.pays(node)
            && let Some(owed) = owed.take()
        {
            owed.pay_all(pass.path, pass.samples, self.written(task.value()), &mut d_output);
        }
        let sum = if task.adds_gradient(node) { self.d_values[node.inputs[0].0].take() } else { None };
        let write = if sum.is_some() { Write::Add } else { Write::Replace };
        let mut d_inputs = match sum {
            Some(sum) => vec![Some(sum)],
            None => self.input_gradients(network, node),
        };
        let places = parameters(network, task);
        let mut d_weights: Vec<Vec<f32>> =
            places.iter().map(|place| std::mem::take(&mut self.d_parameters[*place])).collect();
        let mut owes = self.owed[node.inputs[0].0].take();
        let inputs: Vec<Value> = node.inputs.iter().map(|id| self.value(network, id.0, given)).collect();
        let gradients = Backward {
            inputs: &inputs,
            output: self.value(network, task.value(), given),
            weights: &weights(network, task),
            memo: &self.memos[task.node()],
            d_output: &d_output,
            owed: owed.as_ref(),
            d_inputs: &mut d_inputs,
            write,
            owes: &mut owes,
            d_weights: &mut d_weights,
        };
        match &task.block {
            Some(block) => block.backward(&pass, gradients),
            None => op(&node.layer).backward(&pass, gradients),
        }
        self.owed[node.inputs[0].0] = owes;
        for (place, gradient) in places.into_iter().zip(d_weights) {
            self.d_parameters[place] = gradient;
        }
        for (id, d_input) in node.inputs.iter().zip(d_inputs) {
            self.collect(id.0, d_input);
        }
        self.free.push(d_output);
    }

    /// Buffers for the gradients of a node's inputs; none for the graph's inputs.
    fn input_gradients(&mut self, network: &Network, node: &Node) -> Vec<Option<Vec<f32>>> {
        let wanted = |id: usize| network.graph().nodes()[id].layer != Layer::Input;
        let lengths = node.inputs.iter().map(|id| (wanted(id.0), self.samples * size(self.shapes[id.0])));
        let lengths: Vec<(bool, usize)> = lengths.collect();
        lengths.into_iter().map(|(wanted, length)| wanted.then(|| self.take(length))).collect()
    }

    /// Adds one reader's gradient to those that a value already has.
    fn collect(&mut self, id: usize, gradient: Option<Vec<f32>>) {
        match (&mut self.d_values[id], gradient) {
            (Some(sum), Some(gradient)) => {
                crate::parallel::for_samples(self.samples, sum, |sample, part| {
                    let gradient = &gradient[sample * part.len()..][..part.len()];
                    part.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
                });
                self.free.push(gradient);
            }
            (slot, gradient) => *slot = gradient,
        }
    }

    /// The value of a node: the graph's inputs lie where they were given.
    fn value<'a>(&'a self, network: &Network, id: usize, given: &[&'a [f32]]) -> Value<'a> {
        let nodes = network.graph().nodes();
        let data = match nodes[id].layer {
            Layer::Input => given[nodes[..id].iter().filter(|node| node.layer == Layer::Input).count()],
            _ => self.written(id),
        };
        Value { shape: self.shapes[id], data }
    }

    /// `length` numbers of a free buffer; their contents are left over.
    fn take(&mut self, length: usize) -> Vec<f32> {
        let mut buffer = self.buffer(length);
        buffer.truncate(length);
        buffer
    }

    /// A free buffer of at least `length` numbers.
    fn buffer(&mut self, length: usize) -> Vec<f32> {
        let fits = self.free.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= length);
        let best = fits.min_by_key(|(_, buffer)| buffer.capacity()).map(|(index, _)| index);
        let mut buffer = best.map(|index| self.free.swap_remove(index)).unwrap_or_default();
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
        buffer
    }

    /// Gives back the values that no task behind `index` reads.
    fn release(&mut self, network: &Network, index: usize) {
        for (id, last) in network.plan().last_read.iter().enumerate() {
            if *last == Some(index) {
                let value = std::mem::take(&mut self.values[id]);
                self.free.push(value);
            }
        }
    }
}

/// Refuses inputs of another length than `samples` and the graph say, and a batch without samples.
pub(crate) fn check_inputs(
    network: &Network,
    shapes: &[Shape],
    inputs: &[&[f32]],
    samples: usize,
) -> Result<(), ShapeError> {
    let nodes = network.graph().nodes().iter().zip(shapes);
    let mut given = inputs.iter();
    for (node, shape) in nodes.filter(|(node, _)| node.layer == Layer::Input) {
        let expected = samples * size(*shape);
        if samples == 0 || given.next().is_none_or(|input| input.len() != expected) {
            return Err(ShapeError {
                node: node.name.clone(),
                message: format!("expects {} samples of {shape:?}", samples.max(1)),
            });
        }
    }
    Ok(())
}

/// Indices of the parameters of a task's nodes.
fn parameters(network: &Network, task: &Task) -> Vec<usize> {
    task.nodes.iter().flat_map(|node| network.parameters_of(*node)).collect()
}

fn weights<'a>(network: &'a Network, task: &Task) -> Vec<&'a [f32]> {
    parameters(network, task).into_iter().map(|place| &network.parameters()[place].data[..]).collect()
}

fn op(layer: &Layer) -> &dyn Op {
    layer.op().expect("a task is no input")
}

#[cfg(test)]
mod tests {
    use crate::layers::{Conv2d, Dense};
    use crate::{Graph, Network};

    #[test]
    fn inputs_of_another_size_are_refused_by_their_node() {
        let mut graph = Graph::new();
        let image = graph.input("mel", [6, 5, 1]);
        let layers = vec![("conv", Conv2d::same([3, 3], 4).into()), ("out", Dense { units: 2 }.into())];
        graph.chain(image, layers).unwrap();
        let network = Network::new(graph, 1);
        let zeros = [0.0; 60];
        assert_eq!(network.infer(&[&zeros], 2, 6).unwrap().len(), 4);
        let refused: [(&[&[f32]], usize); 4] = [(&[], 1), (&[&[]], 0), (&[&zeros], 1), (&[&zeros[..59]], 2)];
        for (inputs, samples) in refused {
            assert_eq!(network.infer(inputs, samples, 6).unwrap_err().node, "mel", "{samples} samples");
        }
    }
}
