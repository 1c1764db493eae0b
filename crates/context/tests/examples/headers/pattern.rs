//! Whether a reply is what a comment says it is.

/// Whether the lines of `answer` are those of `wanted`, where `..` stands for any text, and a line of `..` alone for
/// any lines.
pub fn fits(wanted: &str, answer: &str) -> bool {
    let wanted: Vec<&str> = wanted.lines().collect();
    let answer: Vec<&str> = answer.lines().map(str::trim_end).collect();
    lines_fit(&wanted, &answer)
}

fn lines_fit(wanted: &[&str], answer: &[&str]) -> bool {
    match wanted {
        [] => answer.is_empty(),
        [".."] => true,
        ["..", rest @ ..] => (0..=answer.len()).any(|at| lines_fit(rest, &answer[at..])),
        [line, rest @ ..] => answer
            .split_first()
            .is_some_and(|(first, others)| line_fits(line, first) && lines_fit(rest, others)),
    }
}

/// The parts between the `..` are found one after the other.
fn line_fits(wanted: &str, line: &str) -> bool {
    let mut parts: Vec<&str> = wanted.split("..").collect();
    let last = parts.pop().unwrap_or_default();
    let Some((first, middle)) = parts.split_first() else { return line == last };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn dots_stand_for_any_text_and_any_lines() {
    for (wanted, answer) in [
        ("OK", "OK"),
        ("(integer) ..", "(integer) 12"),
        ("a..c..e", "abcde"),
        ("..", "a\nb"),
        ("1) \"a\"\n..\n3) \"..\"", "1) \"a\"\n2) \"b\"\n3) \"c\""),
        ("a\n..", "a"),
    ] {
        assert!(fits(wanted, answer), "{wanted} for {answer}");
    }
    for (wanted, answer) in
        [("OK", "OK!"), ("OK", "\"OK\""), ("(integer) ..", "12"), ("a..a", "a"), ("a\nb", "a"), ("a", "a\nb")]
    {
        assert!(!fits(wanted, answer), "{wanted} for {answer}");
    }
}
