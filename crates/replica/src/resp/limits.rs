//! What a peer may ask us to hold.

/// Upper bounds on what one frame or command may make us read, hold or nest.
///
/// The defaults follow what the servers themselves accept (`proto-max-bulk-len` 512 MiB, inline lines of
/// 64 KiB in networking.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest line: header, status, error or inline command, in bytes without its CRLF.
    pub line_bytes: usize,
    /// Longest single bulk string, in bytes.
    pub bulk_bytes: usize,
    /// Most arguments of one command, and most elements of one frame counted over all its levels.
    pub elements: usize,
    /// Deepest nesting of arrays, sets, maps and pushes.
    pub depth: usize,
    /// Longest whole command or frame, in bytes. Capped at 4 GiB - 1.
    pub total_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line_bytes: 64 << 10,
            bulk_bytes: 512 << 20,
            elements: 16 << 20,
            depth: 64,
            total_bytes: 1 << 30,
        }
    }
}
