//! Every size a snapshot may ask for, capped before it is allocated or walked.

/// Caps on what a snapshot may contain. All sizes are in bytes.
///
/// The defaults admit whatever a server with default settings can hold (`proto-max-bulk-len` is 512 MB); lower them
/// to what the data is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Serialized size of one value, and of any other item. The caller's window must be able to hold it.
    pub value_bytes: u64,
    /// Serialized size above which a value is told in pieces, never held whole: see
    /// [`Item::ValueBegin`](super::Item::ValueBegin). None by default. `value_bytes`, `decoded_bytes` and
    /// `string_bytes` then bound one piece of it; its `elements` are not limited.
    pub pieces_above_bytes: Option<u64>,
    /// Length of a key.
    pub key_bytes: u64,
    /// Length of one string, field, member or element after decompression.
    pub string_bytes: u64,
    /// Sum of all decompressed bytes of one value: what a compression bomb runs into.
    pub decoded_bytes: u64,
    /// Elements, fields, entries, pending entries or consumers of one value.
    pub elements: u64,
    /// Highest database number.
    pub db_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            value_bytes: 4 << 30,
            pieces_above_bytes: None,
            key_bytes: 512 << 20,
            string_bytes: 512 << 20,
            decoded_bytes: 8 << 30,
            elements: 1 << 32,
            db_max: i32::MAX as u32,
        }
    }
}

impl Limits {
    /// Caps the serialized size of one value (bytes).
    #[must_use]
    pub const fn with_value_bytes(mut self, bytes: u64) -> Self {
        self.value_bytes = bytes;
        self
    }

    /// Has values above a serialized size (bytes) told in pieces.
    #[must_use]
    pub const fn with_pieces_above_bytes(mut self, bytes: u64) -> Self {
        self.pieces_above_bytes = Some(bytes);
        self
    }

    /// Caps the length of a key (bytes).
    #[must_use]
    pub const fn with_key_bytes(mut self, bytes: u64) -> Self {
        self.key_bytes = bytes;
        self
    }

    /// Caps the length of one decompressed string (bytes).
    #[must_use]
    pub const fn with_string_bytes(mut self, bytes: u64) -> Self {
        self.string_bytes = bytes;
        self
    }

    /// Caps the decompressed bytes of one value.
    #[must_use]
    pub const fn with_decoded_bytes(mut self, bytes: u64) -> Self {
        self.decoded_bytes = bytes;
        self
    }

    /// Caps the number of elements of one value.
    #[must_use]
    pub const fn with_elements(mut self, count: u64) -> Self {
        self.elements = count;
        self
    }

    /// Caps the database number.
    #[must_use]
    pub const fn with_db_max(mut self, db: u32) -> Self {
        self.db_max = db;
        self
    }
}
