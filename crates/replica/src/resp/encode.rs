//! Commands as multibulk arrays.

/// Appends `args` to `out` as one multibulk command.
pub fn encode_command(args: &[&[u8]], out: &mut Vec<u8>) {
    out.reserve(encoded_command_len(args));
    push_header(b'*', args.len(), out);
    for arg in args {
        push_header(b'$', arg.len(), out);
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}

/// The number of bytes [`encode_command`] appends for `args`.
pub fn encoded_command_len(args: &[&[u8]]) -> usize {
    let bulks: usize = args.iter().map(|arg| header_len(arg.len()) + arg.len() + 2).sum();
    header_len(args.len()) + bulks
}

fn push_header(kind: u8, len: usize, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn header_len(len: usize) -> usize {
    3 + len.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_byte_exactly() {
        let mut out = Vec::new();
        encode_command(&[b"SET", b"k\r\n", b""], &mut out);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$0\r\n\r\n");
    }

    #[test]
    fn length_is_exact_at_every_digit_count() {
        for len in [0, 1, 9, 10, 99, 100, 999, 1000, 12345] {
            let arg = vec![b'x'; len];
            let mut out = Vec::new();
            encode_command(&[&arg, &arg], &mut out);
            assert_eq!(out.len(), encoded_command_len(&[&arg, &arg]), "{len}");
        }
    }
}
