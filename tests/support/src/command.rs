use std::fmt;

/// A value that can stand as an argument of a command.
pub trait Arg {
    /// Appends the argument's bytes.
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! bytes_arg {
    ($($type:ty),*) => {$(
        impl Arg for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let bytes: &[u8] = self.as_ref();
                out.extend_from_slice(bytes);
            }
        }
    )*};
}
bytes_arg!(str, String, [u8], Vec<u8>);

macro_rules! number_arg {
    ($($type:ty),*) => {$(
        impl Arg for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.to_string().as_bytes());
            }
        }
    )*};
}
number_arg!(i32, i64, u16, u32, u64, usize, f64);

impl<T: Arg + ?Sized> Arg for &T {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

/// A command: its name and arguments, already in wire form.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    // The arguments behind the `*<n>` line.
    body: Vec<u8>,
    arguments: usize,
}

impl Command {
    /// A command without arguments yet. More words than one are taken as name and first arguments.
    pub fn new(words: &str) -> Self {
        let empty = Command { body: Vec::new(), arguments: 0 };
        words.split_whitespace().fold(empty, |command, word| command.arg(word))
    }

    /// The command with one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Arg) -> Self {
        self.push(argument);
        self
    }

    /// The command with more arguments.
    #[must_use]
    pub fn args<A: Arg>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        arguments.into_iter().for_each(|argument| self.push(argument));
        self
    }

    /// Adds one argument.
    pub fn push(&mut self, argument: impl Arg) {
        let mut bytes = Vec::new();
        argument.write(&mut bytes);
        self.body.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        self.body.extend_from_slice(&bytes);
        self.body.extend_from_slice(b"\r\n");
        self.arguments += 1;
    }

    /// Appends the command's wire form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("*{}\r\n", self.arguments).as_bytes());
        out.extend_from_slice(&self.body);
    }

    /// How many bytes [`Command::encode`] adds, within the few of its first line.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// Words separated by blanks: `"SET key value"`.
impl From<&str> for Command {
    fn from(words: &str) -> Self {
        Command::new(words)
    }
}

/// Words separated by blanks.
impl From<String> for Command {
    fn from(words: String) -> Self {
        Command::new(&words)
    }
}

impl From<&Command> for Command {
    fn from(command: &Command) -> Self {
        command.clone()
    }
}

/// The command as a user would type it, shortened to a line.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(400)]).into_owned();
        let words: Vec<&str> = text.split("\r\n").skip(1).step_by(2).collect();
        let line: String = words.join(" ").chars().take(160).collect();
        f.write_str(line.trim_end())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Builds a [`Command`] of arguments of any kind: `cmd!("SET", key, 17)`.
#[macro_export]
macro_rules! cmd {
    ($name:expr $(, $argument:expr)* $(,)?) => {
        $crate::Command::new($name)$(.arg($argument))*
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_counted_and_measured_in_bytes() {
        let mut wire = Vec::new();
        cmd!("SET", b"k\r\n".as_slice(), 17).encode(&mut wire);
        assert_eq!(wire, b"*3\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$2\r\n17\r\n");
    }

    #[test]
    fn words_are_split_but_arguments_are_not() {
        assert_eq!(Command::from("SET a  b"), cmd!("SET", "a", "b"));
        assert_ne!(cmd!("SET", "a b"), cmd!("SET", "a", "b"));
    }

    #[test]
    fn display_shows_what_a_user_would_type() {
        assert_eq!(cmd!("HSET", "h", "f", -1).to_string(), "HSET h f -1");
        assert!(cmd!("SET", "k", "x".repeat(10_000)).to_string().len() <= 160);
    }
}
