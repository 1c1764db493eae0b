//! Replies and commands: the same however they are cut, and the same again when they are encoded anew.

use redis_replica::resp::{
    CommandParser, Decoder, Frame, Limits, Parsed, ProtocolError, Value, encode_command, encoded_command_len,
};

use super::pieces::Pieces;

const LIMITS: Limits =
    Limits { line_bytes: 256, bulk_bytes: 1 << 12, elements: 100, depth: 8, total_bytes: 1 << 13 };

pub fn check(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let seed = choice >> 1;
    match choice & 1 {
        0 => check_commands(bytes, seed),
        _ => check_replies(bytes, seed),
    }
}

/// What a parser made of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Commands {
    parsed: Vec<(Parsed, Vec<Vec<u8>>)>,
    left: usize,
    failure: Option<ProtocolError>,
}

fn check_commands(bytes: &[u8], seed: u8) {
    let whole = commands(bytes, 0);
    for cut in [1, seed] {
        assert_eq!(commands(bytes, cut), whole, "pieces change nothing");
    }
    for (parsed, args) in whole.parsed.iter().filter(|(_, args)| !args.is_empty()) {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut again = Vec::new();
        encode_command(&args, &mut again);
        assert_eq!(again.len(), encoded_command_len(&args));
        let alone = commands(&again, 0);
        assert_eq!(alone.failure, None, "what we write we read: {parsed:?}");
        assert_eq!(alone.parsed[0].1, args);
        assert_eq!(alone.parsed.len(), 1);
    }
}

fn commands(bytes: &[u8], seed: u8) -> Commands {
    let mut parser = CommandParser::new(LIMITS);
    let mut all = Commands { parsed: Vec::new(), left: 0, failure: None };
    let (mut held, mut need) = (Vec::new(), 1);
    for piece in Pieces::new(bytes, seed) {
        held.extend_from_slice(piece);
        while held.len() >= need {
            let (parsed, len) = match parser.parse(&held) {
                Err(error) => {
                    all.failure = Some(error);
                    return all;
                }
                Ok(Parsed::Need(more)) => {
                    assert!(more > held.len(), "needs what is there");
                    need = more;
                    continue;
                }
                Ok(parsed @ (Parsed::Command(len) | Parsed::Inline(len) | Parsed::Nothing(len))) => {
                    (parsed, len)
                }
            };
            let args = parser.view(&held).to_vec();
            assert!(len > 0 && len <= held.len() && args.len() <= LIMITS.elements.max(LIMITS.line_bytes));
            all.parsed.push((parsed, if matches!(parsed, Parsed::Nothing(_)) { Vec::new() } else { args }));
            held.drain(..len);
            need = 1;
        }
        assert!(
            held.len() <= LIMITS.total_bytes + LIMITS.line_bytes + piece.len(),
            "more is held than allowed"
        );
    }
    all.left = held.len();
    all
}

/// Doubles may be NaN, which equals nothing: compared as text.
#[derive(Debug, PartialEq, Eq)]
struct Replies {
    frames: Vec<String>,
    left: usize,
    failure: Option<ProtocolError>,
}

fn check_replies(bytes: &[u8], seed: u8) {
    let mut frames = Vec::new();
    let whole = replies(bytes, 0, LIMITS, |frame| frames.push(frame));
    for cut in [1, seed] {
        assert_eq!(replies(bytes, cut, LIMITS, drop), whole, "pieces change nothing");
    }
    let mut again = Vec::new();
    frames.iter().for_each(|frame| encode_frame(frame, &mut again));
    let decoded = replies(&again, seed, Limits::default(), drop);
    assert_eq!((decoded.failure, decoded.left), (None, 0));
    assert_eq!(decoded.frames, whole.frames, "what was decoded is what was encoded");
}

fn replies(bytes: &[u8], seed: u8, limits: Limits, mut each: impl FnMut(Frame)) -> Replies {
    let mut decoder = Decoder::new(limits);
    let mut all = Replies { frames: Vec::new(), left: 0, failure: None };
    for piece in Pieces::new(bytes, seed) {
        decoder.receive(piece);
        loop {
            match decoder.poll_frame() {
                Ok(Some(frame)) => {
                    all.frames.push(format!("{frame:?}"));
                    each(frame);
                }
                Ok(None) => break,
                Err(error) => {
                    all.failure = Some(error);
                    return all;
                }
            }
        }
        assert!(decoder.buffered() <= limits.bulk_bytes + limits.line_bytes + 4, "more is held than allowed");
    }
    all.left = decoder.buffered();
    all
}

fn encode_frame(frame: &Frame, out: &mut Vec<u8>) {
    match frame {
        Frame::Reply(value) => encode_value(value, out),
        Frame::Push(items) => encode_items(b'>', items.len(), items, out),
    }
}

fn encode_items<'v>(kind: u8, count: usize, items: impl IntoIterator<Item = &'v Value>, out: &mut Vec<u8>) {
    line(kind, count.to_string().as_bytes(), out);
    items.into_iter().for_each(|item| encode_value(item, out));
}

fn line(kind: u8, text: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn blob(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    line(kind, bytes.len().to_string().as_bytes(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Simple(text) => line(b'+', text, out),
        Value::Error(text) => blob(b'!', text, out),
        Value::Integer(number) => line(b':', number.to_string().as_bytes(), out),
        Value::Bulk(bytes) => blob(b'$', bytes, out),
        Value::Null => line(b'_', b"", out),
        Value::Double(number) => line(b',', format!("{number:?}").as_bytes(), out),
        Value::Boolean(value) => line(b'#', if *value { b"t" } else { b"f" }, out),
        Value::BigNumber(digits) => line(b'(', digits, out),
        Value::Verbatim { format, text } => blob(b'=', &[format, b":".as_slice(), text].concat(), out),
        Value::Array(items) => encode_items(b'*', items.len(), items, out),
        Value::Set(items) => encode_items(b'~', items.len(), items, out),
        Value::Map(pairs) => {
            encode_items(b'%', pairs.len(), pairs.iter().flat_map(|(key, value)| [key, value]), out);
        }
        other => panic!("a value the checks don't know: {other:?}"),
    }
}
