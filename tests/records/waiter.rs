//! Clients that wait.

use redis_mirror_test_support::{Client, Command, Server, Value, cmd, wait};

/// A client that waits for its answer.
pub struct Waiter {
    pub client: Client,
    pub id: i64,
}

/// How many clients wait for record stores, as INFO says it.
pub fn waiting(server: &Server) -> i64 {
    server.info("mirror").number("mirror_record_clients_waiting").expect("INFO mirror has the field")
}

/// Waits until so many do.
#[track_caller]
pub fn wait_waiting(server: &Server, count: i64) {
    wait::wait_until("so many clients wait", || waiting(server) == count);
}

impl Waiter {
    /// Sends a command that waits, and sees to it that it does.
    #[track_caller]
    pub fn start(server: &Server, command: impl Into<Command>) -> Waiter {
        Waiter::start_by(server, server.client(), command)
    }

    /// The same, by a client that is there.
    #[track_caller]
    pub fn start_by(server: &Server, client: Client, command: impl Into<Command>) -> Waiter {
        let before = waiting(server);
        let waiter = Waiter::send_by(client, command);
        wait_waiting(server, before + 1);
        waiter
    }

    /// Sends a command.
    #[track_caller]
    pub fn send(server: &Server, command: impl Into<Command>) -> Waiter {
        Waiter::send_by(server.client(), command)
    }

    fn send_by(mut client: Client, command: impl Into<Command>) -> Waiter {
        let id = client.int(cmd!("CLIENT", "ID"));
        client.send(&command.into()).expect("the command is sent");
        Waiter { client, id }
    }

    /// Whether the server still has the client blocked.
    pub fn is_blocked(&self, server: &Server) -> bool {
        let line = server.client().text(cmd!("CLIENT", "LIST", "ID", self.id));
        line.split_whitespace().any(|word| word.starts_with("flags=") && word.contains('b'))
    }

    /// Its answer, when it comes.
    #[track_caller]
    pub fn answer(&mut self) -> Value {
        self.client.receive().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error it is answered with.
    #[track_caller]
    pub fn refusal(&mut self) -> String {
        let answer = self.answer();
        answer.error().unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
    }
}
