//! Every layer but the recurrent ones as operations.

use super::File;
use super::document::Setting;
use super::value::Form;
use crate::graph::{Node, NodeId, Shape};
use crate::layers::{Axis, BatchNorm, Conv2d, GlobalPool, L2Normalize, Layer, Pool, PoolKind};

impl File<'_> {
    /// Writes the operations of a node and keeps the name of their value.
    pub(super) fn layer(&mut self, id: usize, node: &Node) {
        let from = node.inputs[0];
        let (form, name) = match &node.layer {
            Layer::Input => return,
            Layer::Conv2d(conv) => self.convolution(id, node, conv),
            Layer::BatchNorm(norm) => self.batch_norm(id, node, norm),
            Layer::Relu(_) => self.each(node, "Relu"),
            Layer::Sigmoid(_) => self.each(node, "Sigmoid"),
            Layer::Dropout(_) => {
                let form = self.values.form(from);
                (form, self.value(from, form))
            }
            Layer::Pool(pool) => self.pool(node, pool),
            Layer::GlobalPool(pool) => self.global_pool(node, pool),
            Layer::Dense(_) => self.dense(id, node),
            Layer::Recurrent(recurrent) => self.recurrent(id, node, recurrent),
            Layer::Add(_) => self.sum(node),
            Layer::Concat(concat) => self.concat(node, concat.axis),
            Layer::Reshape(_) => (Form::Vector, self.value(from, Form::Vector)),
            Layer::L2Normalize(l2) => self.l2_normalize(node, l2),
        };
        self.values.keep(id, form, name);
    }

    /// A node's parameter by its place.
    pub(super) fn weights(&self, id: usize, place: usize) -> &[f32] {
        &self.network.parameters()[self.network.parameters_of(id)][place].data
    }

    fn each(&mut self, node: &Node, kind: &'static str) -> (Form, String) {
        let form = self.values.form(node.inputs[0]);
        let x = self.value(node.inputs[0], form);
        (form, self.document.add(kind, &output(node, form), &[&x], vec![]))
    }

    fn convolution(&mut self, id: usize, node: &Node, conv: &Conv2d) -> (Form, String) {
        let x = self.value(node.inputs[0], Form::Image);
        let channels = self.network.graph().nodes()[node.inputs[0].0].shape[2];
        let weight = channels_first(self.weights(id, 0), conv.kernel, [channels, conv.channels]);
        let bias = self.weights(id, 1).to_vec();
        let extents = [conv.channels, channels, conv.kernel[1], conv.kernel[0]];
        let weight = self.document.numbers(&format!("{}.weight", node.name), &extents, &weight);
        let bias = self.document.numbers(&format!("{}.bias", node.name), &[conv.channels], &bias);
        let settings = vec![("kernel_shape", pair(conv.kernel)), ("pads", both_sides(conv.padding))];
        (Form::Image, self.document.add("Conv", &output(node, Form::Image), &[&x, &weight, &bias], settings))
    }

    /// Of vectors as gain and shift: not every program has the operator without extents behind the channels.
    fn batch_norm(&mut self, id: usize, node: &Node, norm: &BatchNorm) -> (Form, String) {
        let [gamma, beta, mean, variance] = [0, 1, 2, 3].map(|place| self.weights(id, place).to_vec());
        let named = |part: &str| format!("{}.{part}", node.name);
        if self.values.form(node.inputs[0]) == Form::Vector {
            let gain: Vec<f32> =
                gamma.iter().zip(&variance).map(|(g, v)| g / (v + norm.eps).sqrt()).collect();
            let shift: Vec<f32> = (0..gain.len()).map(|c| beta[c] - mean[c] * gain[c]).collect();
            let x = self.value(node.inputs[0], Form::Vector);
            let gain = self.document.numbers(&named("gain"), &[gain.len()], &gain);
            let shift = self.document.numbers(&named("shift"), &[shift.len()], &shift);
            let scaled = self.document.add("Mul", &named("scaled"), &[&x, &gain], vec![]);
            let name = self.document.add("Add", &output(node, Form::Vector), &[&scaled, &shift], vec![]);
            return (Form::Vector, name);
        }
        let x = self.value(node.inputs[0], Form::Image);
        let parameters = [("gamma", gamma), ("beta", beta), ("mean", mean), ("variance", variance)];
        let mut inputs = vec![x];
        for (part, data) in &parameters {
            inputs.push(self.document.numbers(&named(part), &[data.len()], data));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let settings = vec![("epsilon", Setting::Number(norm.eps))];
        let name = output(node, Form::Image);
        (Form::Image, self.document.add("BatchNormalization", &name, &inputs, settings))
    }

    fn pool(&mut self, node: &Node, pool: &Pool) -> (Form, String) {
        let x = self.value(node.inputs[0], Form::Image);
        let kind = match pool.kind {
            PoolKind::Max => "MaxPool",
            PoolKind::Average => "AveragePool",
        };
        let settings = vec![
            ("kernel_shape", pair(pool.size)),
            ("strides", pair(pool.stride)),
            ("pads", both_sides(pool.padding)),
        ];
        (Form::Image, self.document.add(kind, &output(node, Form::Image), &[&x], settings))
    }

    fn global_pool(&mut self, node: &Node, pool: &GlobalPool) -> (Form, String) {
        let kind = match pool.kind {
            PoolKind::Max => "ReduceMax",
            PoolKind::Average => "ReduceMean",
        };
        let reduce = |axis| vec![("axes", Setting::Integers(vec![axis])), ("keepdims", Setting::Integer(1))];
        if self.values.form(node.inputs[0]) == Form::Steps && pool.axis == Axis::Time {
            let x = self.value(node.inputs[0], Form::Steps);
            let name = output(node, Form::Vector);
            let reduced = self.document.add(kind, &format!("{name}.step"), &[&x], reduce(0));
            return (Form::Vector, self.squeeze(&name, &reduced, 0));
        }
        let x = self.value(node.inputs[0], Form::Image);
        let axis = if pool.axis == Axis::Time { 3 } else { 2 };
        (Form::Image, self.document.add(kind, &output(node, Form::Image), &[&x], reduce(axis)))
    }

    /// Images are read as they lie, by weights in their order.
    fn dense(&mut self, id: usize, node: &Node) -> (Form, String) {
        let (from, units) = (node.inputs[0], node.shape[2]);
        let [time, bands, channels] = self.network.graph().nodes()[from.0].shape;
        let (mut weight, bias) = (self.weights(id, 0).to_vec(), self.weights(id, 1).to_vec());
        let x = if self.values.form(from) == Form::Image {
            weight = rows_as_image(&weight, [time, bands, channels], units);
            let image = self.value(from, Form::Image);
            self.flatten(&format!("{}.read", node.name), &image)
        } else {
            self.value(from, Form::Vector)
        };
        let named = |part: &str| format!("{}.{part}", node.name);
        let weight = self.document.numbers(&named("weight"), &[time * bands * channels, units], &weight);
        let bias = self.document.numbers(&named("bias"), &[units], &bias);
        let name = output(node, Form::Vector);
        (Form::Vector, self.document.add("Gemm", &name, &[&x, &weight, &bias], vec![]))
    }

    fn sum(&mut self, node: &Node) -> (Form, String) {
        let form = self.values.form(node.inputs[0]);
        let [a, b] = [0, 1].map(|place| self.value(node.inputs[place], form));
        (form, self.document.add("Add", &output(node, form), &[&a, &b], vec![]))
    }

    /// Along channels as vectors if one of the values is one, else along any axis as images.
    fn concat(&mut self, node: &Node, axis: Axis) -> (Form, String) {
        let is_vector = |id: &NodeId| self.values.form(*id) == Form::Vector;
        let as_vector = axis == Axis::Channels && node.inputs.iter().any(is_vector);
        let form = if as_vector { Form::Vector } else { Form::Image };
        let values: Vec<String> = node.inputs.iter().map(|input| self.value(*input, form)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let axis = match axis {
            Axis::Channels => form.channels(),
            Axis::Time => 3,
            Axis::Bands => 2,
        };
        let settings = vec![("axis", Setting::Integer(axis))];
        (form, self.document.add("Concat", &output(node, form), &values, settings))
    }

    fn l2_normalize(&mut self, node: &Node, l2: &L2Normalize) -> (Form, String) {
        let form = self.values.form(node.inputs[0]);
        let x = self.value(node.inputs[0], form);
        let axes =
            vec![("axes", Setting::Integers(vec![form.channels()])), ("keepdims", Setting::Integer(1))];
        let named = |part: &str| format!("{}.{part}", node.name);
        let norm = self.document.add("ReduceL2", &named("norm"), &[&x], axes);
        let eps = self.document.numbers(&named("eps"), &[1], &[l2.eps]);
        let divisor = self.document.add("Max", &named("divisor"), &[&norm, &eps], vec![]);
        (form, self.document.add("Div", &output(node, form), &[&x, &divisor], vec![]))
    }
}

/// What a node's value is called.
pub(super) fn output(node: &Node, form: Form) -> String {
    format!("{}:{}", node.name, form.name())
}

/// Extents in time and bands, bands first.
fn pair([time, bands]: [usize; 2]) -> Setting {
    Setting::Integers(vec![bands as i64, time as i64])
}

/// Padding before both axes, then behind them.
fn both_sides([time, bands]: [usize; 2]) -> Setting {
    let (time, bands) = (time as i64, bands as i64);
    Setting::Integers(vec![bands, time, bands, time])
}

/// `[time, bands, in, out]` → `[out, in, bands, time]`.
fn channels_first(weight: &[f32], [time, bands]: [usize; 2], [inputs, outputs]: [usize; 2]) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(weight.len());
    for (out, channel) in (0..outputs).flat_map(|out| (0..inputs).map(move |channel| (out, channel))) {
        let taps = (0..bands).flat_map(|band| (0..time).map(move |step| step * bands + band));
        ordered.extend(taps.map(|tap| weight[(tap * inputs + channel) * outputs + out]));
    }
    ordered
}

/// Rows of a sample's numbers in the order of an image: `[time, bands, channels, units]` →
/// `[channels, bands, time, units]`.
fn rows_as_image(weight: &[f32], [time, bands, channels]: Shape, units: usize) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(weight.len());
    for (channel, band) in (0..channels).flat_map(|channel| (0..bands).map(move |band| (channel, band))) {
        let rows = (0..time).map(|step| (step * bands + band) * channels + channel);
        ordered.extend(rows.flat_map(|row| &weight[row * units..][..units]));
    }
    ordered
}
