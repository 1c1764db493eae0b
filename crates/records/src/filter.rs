//! Filters: which records are wanted, as JSON.
//!
//! ```text
//! {"id": {"$eq": "a"}}                  the id is this
//! {"id": {"$index": "10.0.0.0/8"}}      the id is an address or network within this network (IPv4 or IPv6)
//! {"$and": [filter, ..]}                all match; none is always
//! {"$or": [filter, ..]}                 one matches; none is never
//! ```

mod cidr;

use serde_json::{Map, Value};

use crate::change::Change;
use cidr::Network;

/// The longest text of a filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 64 << 10;
/// How deep filters may be nested.
pub const FILTER_DEPTH_MAX: usize = 32;

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Id(Box<[u8]>),
    Within(Network),
}

/// Text that is no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Longer than [`FILTER_BYTES_MAX`].
    #[error("RECFILTER longer than {FILTER_BYTES_MAX} bytes")]
    TooLong,
    /// Deeper than [`FILTER_DEPTH_MAX`].
    #[error("RECFILTER nested deeper than {FILTER_DEPTH_MAX}")]
    TooDeep,
    /// Not JSON.
    #[error("RECFILTER not valid JSON")]
    Json,
    /// Not a filter.
    #[error(r#"RECFILTER a filter is {{"id":{{"$eq":id}}}}, {{"id":{{"$index":network}}}}, {{"$and":[..]}} or {{"$or":[..]}}"#)]
    Form,
    /// The text of `$index` is no network.
    #[error("RECFILTER $index takes a network such as 10.0.0.0/8 or fd00::/8")]
    Network,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// It is too long, too deep or no filter.
    pub fn parse(text: &[u8]) -> Result<Filter, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(FilterError::TooLong);
        }
        if depth(text) > 3 * FILTER_DEPTH_MAX {
            return Err(FilterError::TooDeep);
        }
        let value: Value = serde_json::from_slice(text).map_err(|_| FilterError::Json)?;
        Node::read(&value, FILTER_DEPTH_MAX).map(Filter)
    }

    /// Whether a record is wanted.
    pub fn matches(&self, record: &Change) -> bool {
        self.0.matches(record.id())
    }

    /// The only ids that can match, if the filter says so.
    pub fn ids(&self) -> Option<Vec<&[u8]>> {
        self.0.ids()
    }
}

/// How deep brackets are nested outside of strings: the parser has its own limit, but no error for it.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

impl Node {
    fn read(value: &Value, depth_left: usize) -> Result<Node, FilterError> {
        let (name, value) = value.as_object().and_then(single).ok_or(FilterError::Form)?;
        match name {
            "$and" => Ok(Node::And(Node::read_all(value, depth_left)?)),
            "$or" => Ok(Node::Or(Node::read_all(value, depth_left)?)),
            "id" => Node::read_id(value),
            _ => Err(FilterError::Form),
        }
    }

    fn read_all(value: &Value, depth_left: usize) -> Result<Vec<Node>, FilterError> {
        let depth_left = depth_left.checked_sub(1).ok_or(FilterError::TooDeep)?;
        let values = value.as_array().ok_or(FilterError::Form)?;
        values.iter().map(|value| Node::read(value, depth_left)).collect()
    }

    fn read_id(value: &Value) -> Result<Node, FilterError> {
        let (name, value) = value.as_object().and_then(single).ok_or(FilterError::Form)?;
        let text = value.as_str().ok_or(FilterError::Form)?;
        match name {
            "$eq" => Ok(Node::Id(text.as_bytes().into())),
            "$index" => Network::parse(text).map(Node::Within).ok_or(FilterError::Network),
            _ => Err(FilterError::Form),
        }
    }

    fn matches(&self, id: &[u8]) -> bool {
        match self {
            Node::And(nodes) => nodes.iter().all(|node| node.matches(id)),
            Node::Or(nodes) => nodes.iter().any(|node| node.matches(id)),
            Node::Id(wanted) => **wanted == *id,
            Node::Within(network) => network.contains(id),
        }
    }

    fn ids(&self) -> Option<Vec<&[u8]>> {
        match self {
            Node::And(nodes) => nodes.iter().find_map(Node::ids),
            Node::Or(nodes) => {
                let each: Option<Vec<Vec<&[u8]>>> = nodes.iter().map(Node::ids).collect();
                each.map(|each| each.concat())
            }
            Node::Id(id) => Some(vec![id]),
            Node::Within(_) => None,
        }
    }
}

/// The only member of an object.
fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut members = object.iter();
    let (name, value) = members.next()?;
    members.next().is_none().then_some((name.as_str(), value))
}
