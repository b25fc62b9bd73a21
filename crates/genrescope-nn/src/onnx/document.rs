//! An ONNX file while it is written: operations, constants, inputs and outputs, with names of their own.

use onnx_rs::ast;
use onnx_rs::ast::{AttributeType, DataType, OpType};

/// Version of the operators' descriptions: the last one whose reductions name their axes in an attribute.
const OPERATOR_SET: i64 = 17;
/// The version of the file format that belongs to those operators.
const FORMAT: i64 = 8;

/// A setting of an operation.
#[derive(Clone, Debug)]
pub(super) enum Setting {
    Integer(i64),
    Integers(Vec<i64>),
    Number(f32),
    Text(&'static str),
}

/// One extent of an input or output.
#[derive(Clone, Debug)]
pub(super) enum Extent {
    Fixed(usize),
    /// Any, by the name that it has in the file.
    Any(&'static str),
}

/// A named value that goes in or out.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) extents: Vec<Extent>,
}

#[derive(Debug)]
struct Operation {
    kind: OpType<'static>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    settings: Vec<(&'static str, Setting)>,
}

#[derive(Debug)]
struct Constant {
    name: String,
    extents: Vec<i64>,
    kind: DataType,
    bytes: Vec<u8>,
}

/// A file's contents, in the order in which they are added.
#[derive(Debug, Default)]
pub(super) struct Document {
    operations: Vec<Operation>,
    constants: Vec<Constant>,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
}

impl Document {
    /// Adds an operation that gives one value, called `output`; gives the name back.
    pub(super) fn add(
        &mut self,
        kind: OpType<'static>,
        output: &str,
        inputs: &[&str],
        settings: Vec<(&'static str, Setting)>,
    ) -> String {
        self.add_many(kind, &[output], inputs, settings);
        output.to_owned()
    }

    /// Adds an operation that gives several values.
    pub(super) fn add_many(
        &mut self,
        kind: OpType<'static>,
        outputs: &[&str],
        inputs: &[&str],
        settings: Vec<(&'static str, Setting)>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.operations.push(Operation { kind, inputs: owned(inputs), outputs: owned(outputs), settings });
    }

    /// Adds numbers of those extents, last fastest; gives their name back.
    pub(super) fn numbers(&mut self, name: &str, extents: &[usize], data: &[f32]) -> String {
        let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, extents, (DataType::Float, bytes))
    }

    /// Adds a list of integers; gives its name back.
    pub(super) fn integers(&mut self, name: &str, data: &[i64]) -> String {
        let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, &[data.len()], (DataType::Int64, bytes))
    }

    /// Adds one integer without extents; gives its name back.
    pub(super) fn integer(&mut self, name: &str, value: i64) -> String {
        self.constant(name, &[], (DataType::Int64, value.to_le_bytes().to_vec()))
    }

    fn constant(&mut self, name: &str, extents: &[usize], (kind, bytes): (DataType, Vec<u8>)) -> String {
        let extents = extents.iter().map(|extent| *extent as i64).collect();
        self.constants.push(Constant { name: name.to_owned(), extents, kind, bytes });
        name.to_owned()
    }

    /// The bytes of the file.
    pub(super) fn encode(&self, name: &str, metadata: &[(String, String)]) -> Vec<u8> {
        onnx_rs::encode(&ast::Model {
            ir_version: FORMAT,
            opset_import: vec![ast::OperatorSetId { domain: "", version: OPERATOR_SET }],
            producer_name: "genrescope",
            producer_version: env!("CARGO_PKG_VERSION"),
            graph: Some(ast::Graph {
                name,
                node: self.operations.iter().map(Operation::node).collect(),
                initializer: self.constants.iter().map(Constant::tensor).collect(),
                input: self.inputs.iter().map(Port::value).collect(),
                output: self.outputs.iter().map(Port::value).collect(),
                ..Default::default()
            }),
            metadata_props: metadata
                .iter()
                .map(|(key, value)| ast::StringStringEntry { key, value })
                .collect(),
            ..Default::default()
        })
    }
}

impl Operation {
    fn node(&self) -> ast::Node<'_> {
        ast::Node {
            name: self.outputs.first().map_or("", String::as_str),
            op_type: self.kind.clone(),
            input: self.inputs.iter().map(String::as_str).collect(),
            output: self.outputs.iter().map(String::as_str).collect(),
            attribute: self.settings.iter().map(|(name, setting)| setting.attribute(name)).collect(),
            ..Default::default()
        }
    }
}

impl Setting {
    fn attribute(&self, name: &'static str) -> ast::Attribute<'_> {
        let named = ast::Attribute { name, ..Default::default() };
        match self {
            Self::Integer(i) => ast::Attribute { r#type: AttributeType::Int, i: *i, ..named },
            Self::Integers(ints) => {
                ast::Attribute { r#type: AttributeType::Ints, ints: ints.clone(), ..named }
            }
            Self::Number(f) => ast::Attribute { r#type: AttributeType::Float, f: *f, ..named },
            Self::Text(text) => ast::Attribute { r#type: AttributeType::String, s: text.as_bytes(), ..named },
        }
    }
}

impl Constant {
    fn tensor(&self) -> ast::TensorProto<'_> {
        ast::TensorProto::from_raw(&self.name, self.extents.clone(), self.kind, &self.bytes)
    }
}

impl Port {
    fn value(&self) -> ast::ValueInfo<'_> {
        let extent = |extent: &Extent| match extent {
            Extent::Fixed(extent) => ast::Dimension::Value(*extent as i64),
            Extent::Any(name) => ast::Dimension::Param(name),
        };
        let extents = self.extents.iter().map(extent);
        let dim = extents.map(|value| ast::TensorShapeDimension { value, denotation: "" }).collect();
        let tensor =
            ast::TensorTypeProto { elem_type: DataType::Float, shape: Some(ast::TensorShape { dim }) };
        ast::ValueInfo {
            name: &self.name,
            r#type: Some(ast::TypeProto { value: Some(ast::TypeValue::Tensor(tensor)), denotation: "" }),
            ..Default::default()
        }
    }
}
