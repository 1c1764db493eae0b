//! Text whose words may be a source's, made fit for a reply, for INFO and for the log.

/// The longest text shown, in characters.
const CHARS_MAX: usize = 512;

/// One line of bounded length, without control characters.
pub fn one_line(text: &str) -> String {
    text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The same of an error reply of this server, up to where it begins to quote what it was given: that may be the
/// source's.
pub fn without_quotes(text: &str) -> String {
    let mut before = ' ';
    let unquoted = text.chars().take_while(|c| {
        // An apostrophe within a word quotes nothing.
        let opens = matches!(c, '"' | '`') || (*c == '\'' && !before.is_alphanumeric());
        before = *c;
        !opens
    });
    one_line(unquoted.collect::<String>().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_on_one_short_line() {
        assert_eq!(one_line("a\r\nb\x1b[2Jc"), "a  b [2Jc");
        assert_eq!(one_line(&"x".repeat(10_000)).len(), CHARS_MAX);
    }

    #[test]
    fn what_is_quoted_is_left_out() {
        assert_eq!(without_quotes("ERR unknown subcommand 'evil\r\n'. Try HELP"), "ERR unknown subcommand");
        assert_eq!(without_quotes("ERR can't do that to `evil`"), "ERR can't do that to");
        assert_eq!(without_quotes("WRONGTYPE Operation against a key"), "WRONGTYPE Operation against a key");
    }
}
