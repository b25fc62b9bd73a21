//! An ONNX file while it is written: operations, constants, inputs and outputs, with names of their own.

use super::protobuf::Message;

/// Version of the operators' descriptions: the last one whose reductions name their axes in an attribute.
const OPERATOR_SET: i64 = 17;
/// The version of the file format that belongs to those operators.
const FORMAT: i64 = 8;

/// Types of constants, inputs and outputs, as `TensorProto` numbers them.
const FLOAT: i64 = 1;
const INTEGER: i64 = 7;

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
    kind: &'static str,
    inputs: Vec<String>,
    outputs: Vec<String>,
    settings: Vec<(&'static str, Setting)>,
}

#[derive(Debug)]
struct Constant {
    name: String,
    extents: Vec<i64>,
    kind: i64,
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
        kind: &'static str,
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
        kind: &'static str,
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
        self.constant(name, extents, (FLOAT, bytes))
    }

    /// Adds a list of integers; gives its name back.
    pub(super) fn integers(&mut self, name: &str, data: &[i64]) -> String {
        let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(name, &[data.len()], (INTEGER, bytes))
    }

    /// Adds one integer without extents; gives its name back.
    pub(super) fn integer(&mut self, name: &str, value: i64) -> String {
        self.constant(name, &[], (INTEGER, value.to_le_bytes().to_vec()))
    }

    fn constant(&mut self, name: &str, extents: &[usize], (kind, bytes): (i64, Vec<u8>)) -> String {
        let extents = extents.iter().map(|extent| *extent as i64).collect();
        self.constants.push(Constant { name: name.to_owned(), extents, kind, bytes });
        name.to_owned()
    }

    /// The bytes of the file; fields are numbered as in `onnx.proto`.
    pub(super) fn encode(&self, name: &str, metadata: &[(String, String)]) -> Vec<u8> {
        let graph = Message::default()
            .messages(1, self.operations.iter().map(Operation::message))
            .bytes(2, name)
            .messages(5, self.constants.iter().map(Constant::message))
            .messages(11, self.inputs.iter().map(Port::message))
            .messages(12, self.outputs.iter().map(Port::message));
        let pair = |(key, value): &(String, String)| Message::default().bytes(1, key).bytes(2, value);
        Message::default()
            .integer(1, FORMAT)
            .bytes(2, "genrescope")
            .bytes(3, env!("CARGO_PKG_VERSION"))
            .message(7, graph)
            .message(8, Message::default().bytes(1, "").integer(2, OPERATOR_SET))
            .messages(14, metadata.iter().map(pair))
            .into_bytes()
    }
}

impl Operation {
    fn message(&self) -> Message {
        let texts = |message, field, names: &[String]| {
            names.iter().fold(message, |message: Message, name| message.bytes(field, name))
        };
        let message = texts(texts(Message::default(), 1, &self.inputs), 2, &self.outputs);
        message
            .bytes(3, self.outputs.first().map_or("", String::as_str))
            .bytes(4, self.kind)
            .messages(5, self.settings.iter().map(|(name, setting)| setting.message(name)))
    }
}

impl Setting {
    fn message(&self, name: &str) -> Message {
        let named = Message::default().bytes(1, name);
        match self {
            Self::Number(value) => named.number(2, *value).integer(20, 1),
            Self::Integer(value) => named.integer(3, *value).integer(20, 2),
            Self::Text(text) => named.bytes(4, text).integer(20, 3),
            Self::Integers(values) => named.integers(8, values).integer(20, 7),
        }
    }
}

impl Constant {
    fn message(&self) -> Message {
        let message = Message::default().integers(1, &self.extents).integer(2, self.kind);
        message.bytes(8, &self.name).bytes(9, &self.bytes)
    }
}

impl Port {
    fn message(&self) -> Message {
        let extent = |extent: &Extent| match extent {
            Extent::Fixed(extent) => Message::default().integer(1, *extent as i64),
            Extent::Any(name) => Message::default().bytes(2, name),
        };
        let shape = Message::default().messages(1, self.extents.iter().map(extent));
        let tensor = Message::default().integer(1, FLOAT).message(2, shape);
        Message::default().bytes(1, &self.name).message(2, Message::default().message(1, tensor))
    }
}
