//! The conversation before data flows: what is asked, in which order, and what each refusal is called.

mod common;

use std::time::Duration;

use common::{Link, OTHER_REPLID, REPLID, Seen, Wrapping, parse_all, position, replid, snapshot, wrap};
use redis_replica::{AckPolicy, Config, Credentials, Error, Retry, State};

fn with_password() -> Config {
    Config { credentials: Some(Credentials::password("secret")), ..Config::default() }
}

fn with_user() -> Config {
    Config { credentials: Some(Credentials::user("mirror", "secret")), ..Config::default() }
}

fn resuming() -> Config {
    Config { resume: Some(position(1234, 3)), ..Config::default() }
}

/// Answers each request with `+OK` and returns all of them.
fn requests(config: Config) -> Vec<String> {
    let mut link = Link::new(config);
    let mut all = Vec::new();
    loop {
        let mut sent = parse_all(&link.sent());
        assert_eq!(sent.len(), 1, "one request at a time after {all:?}");
        let is_last = sent[0].starts_with("PSYNC");
        all.append(&mut sent);
        if is_last {
            return all;
        }
        link.feed(b"+OK\r\n");
    }
}

#[test]
fn asks_in_native_order_and_never_for_a_listening_port() {
    let asked = requests(Config::default());
    assert_eq!(
        asked,
        ["PING", "REPLCONF capa eof", "REPLCONF capa psync2", "REPLCONF version 9.1.0", "PSYNC ? -1"]
    );
}

#[test]
fn a_password_is_said_first() {
    assert_eq!(requests(with_password())[..2], ["AUTH secret", "PING"]);
    assert_eq!(requests(with_user())[..3], ["AUTH mirror secret", "PING", "REPLCONF capa eof"]);
}

#[test]
fn waits_for_each_reply() {
    let mut link = Link::new(Config::default());
    link.sent();
    link.feed(b"+PON");
    assert_eq!(link.sent(), b"");
    link.feed(b"G\r\n");
    assert_eq!(parse_all(&link.sent()), ["REPLCONF capa eof"]);
}

#[test]
fn errors_to_replconf_are_ignored() {
    let mut link = Link::new(Config::default());
    link.feed(b"+PONG\r\n-ERR no\r\n-NOPERM no\r\n-ERR unknown command 'REPLCONF'\r\n");
    assert_eq!(link.failure, None);
    assert!(parse_all(&link.sent()).contains(&String::from("PSYNC ? -1")));
}

/// The error that `reply` to the given request ends in.
fn refused(config: Config, request: &str, reply: &str) -> Error {
    let mut link = Link::new(config);
    while !link.sent().windows(request.len()).any(|word| word == request.as_bytes()) {
        link.feed(b"+OK\r\n");
    }
    link.feed(format!("{reply}\r\n").as_bytes());
    assert_eq!(link.connection.state(), State::Failed);
    assert_eq!(link.connection.poll_timeout(), None);
    link.failure.expect("refused")
}

#[test]
fn every_refusal_has_a_name_and_a_retry_class() {
    let plain = Config::default;
    let cases: [(Config, &str, &str, Error, Retry); 21] = [
        (plain(), "PING", "-NOAUTH Authentication required.", Error::AuthRequired, Retry::NeedsUser),
        (plain(), "PING", "-ERR operation not permitted", Error::AuthRequired, Retry::NeedsUser),
        (plain(), "PING", "-LOADING Redis is loading", Error::Loading, Retry::Transient),
        (
            plain(),
            "PING",
            "-DENIED Redis is running in protected mode",
            Error::ProtectedMode,
            Retry::NeedsUser,
        ),
        (plain(), "PING", "-ERR max number of clients reached", Error::TooManyClients, Retry::Transient),
        (plain(), "PING", "-MASTERDOWN Link down", Error::NoPrimaryLink, Retry::Transient),
        (plain(), "PING", "-BUSY Redis is busy running a script", Error::Busy, Retry::Transient),
        (plain(), "PING", "-ERR other", Error::PingRefused, Retry::Transient),
        (plain(), "PING", "HTTP/1.1 400", Error::UnexpectedReply { step: "PING" }, Retry::Transient),
        (plain(), "capa", "$3", Error::UnexpectedReply { step: "REPLCONF" }, Retry::Transient),
        (with_user(), "AUTH", "-WRONGPASS invalid username-password", Error::WrongPassword, Retry::NeedsUser),
        (with_password(), "AUTH", "-ERR invalid password", Error::WrongPassword, Retry::NeedsUser),
        (
            with_password(),
            "AUTH",
            "-ERR AUTH <password> called without any password configured for the default user.",
            Error::NoPasswordSet,
            Retry::NeedsUser,
        ),
        (
            with_user(),
            "AUTH",
            "-ERR wrong number of arguments for 'auth' command",
            Error::UsersUnsupported,
            Retry::NeedsUser,
        ),
        (with_user(), "AUTH", "-ERR something", Error::AuthRefused, Retry::NeedsUser),
        (plain(), "PSYNC", "-NOMASTERLINK Can't SYNC", Error::NoPrimaryLink, Retry::Transient),
        (plain(), "PSYNC", "-NOPERM no permissions", Error::NotPermitted, Retry::NeedsUser),
        (plain(), "PSYNC", "-LOADING Redis is loading", Error::Loading, Retry::Transient),
        (plain(), "PSYNC", "-ERR anything", Error::SyncRefused, Retry::Transient),
        (plain(), "PSYNC", "+CONTINUE", Error::UnaskedContinue, Retry::Transient),
        (plain(), "PSYNC", "+RDBCHANNELSYNC 1", Error::UnexpectedReply { step: "PSYNC" }, Retry::Transient),
    ];
    for (config, request, reply, error, retry) in cases {
        assert_eq!(refused(config, request, reply), error, "{request}: {reply}");
        assert_eq!(error.retry(), retry, "{error}");
    }
}

#[test]
fn a_user_without_ping_may_replicate() {
    let mut link = Link::new(Config::default());
    link.sent();
    link.feed(b"-NOPERM this user has no permissions to run the 'ping' command\r\n");
    assert_eq!(parse_all(&link.sent()), ["REPLCONF capa eof"]);
}

#[test]
fn error_texts_never_repeat_the_peer() {
    let error = refused(with_user(), "AUTH", "-ERR s3cret-of-some-service");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn the_password_is_not_shown() {
    let shown = format!("{:?} {:?}", with_user(), Link::new(with_user()).connection);
    assert!(shown.contains("mirror") && !shown.contains("secret"), "{shown}");
}

#[test]
fn full_resync_takes_what_services_append() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(format!("\n\n+FULLRESYNC {REPLID} 77 aliyun extra fields\r\n").as_bytes());
    assert_eq!(link.seen, [Seen::FullResync(Some(replid(REPLID)), 77)]);
    assert_eq!((link.connection.state(), link.connection.offset()), (State::AwaitingSnapshot, 77));
}

#[test]
fn full_resync_without_id_and_offset_is_refused() {
    let short = &REPLID[..39];
    for reply in [
        String::from("+FULLRESYNC"),
        format!("+FULLRESYNC {REPLID}"),
        format!("+FULLRESYNC {short} 1"),
        format!("+FULLRESYNC {REPLID} -1"),
        format!("+FULLRESYNC {REPLID} 99999999999999999999"),
        format!("+FULLRESYNC {REPLID} 9223372036854775808"),
        format!("+FULLRESYNC {short}! 1"),
    ] {
        assert_eq!(refused(Config::default(), "PSYNC", &reply), Error::InvalidFullResync, "{reply}");
    }
    assert_eq!(refused(resuming(), "PSYNC", "+CONTINUE tooshort"), Error::InvalidContinue);
}

#[test]
fn a_refused_resume_is_a_full_resync() {
    let mut link = Link::new(resuming());
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {OTHER_REPLID} 5\r\n").as_bytes());
    link.feed(&wrap(&snapshot(&[], &[]), Wrapping::Length));
    assert_eq!(link.seen.last(), Some(&Seen::SnapshotEnd { bytes: 18, offset: 5, db: 0 }));
    assert_eq!((link.connection.offset(), link.connection.db()), (5, 0));
}

#[test]
fn falls_back_to_sync_for_a_source_without_psync() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(b"-ERR unknown command 'PSYNC'\r\n");
    assert_eq!(parse_all(&link.sent()), ["SYNC"]);
    link.feed(&[b"\n\n".as_slice(), &wrap(&snapshot(&[("k", "v")], &[]), Wrapping::Length)].concat());
    assert_eq!(link.seen.first(), Some(&Seen::FullResync(None, 0)));
    assert_eq!(link.connection.state(), State::Streaming);
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(b"-ERR unknown command 'PSYNC'\r\n-ERR unknown command 'SYNC'\r\n");
    assert_eq!(link.failure, Some(Error::ReplicationUnsupported));
}

#[test]
fn a_snapshot_given_up_has_a_name() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {REPLID} 0\r\n\n-ERR can't fork\r\n").as_bytes());
    assert_eq!(link.failure, Some(Error::SnapshotAborted));
}

#[test]
fn a_silent_source_is_left_at_each_step() {
    let mut link = Link::new(Config::default());
    link.sent();
    link.pass(Duration::from_millis(9_999));
    assert_eq!(link.failure, None);
    link.pass(Duration::from_millis(1));
    assert_eq!(link.failure, Some(Error::ReplyTimeout { step: "PING" }));

    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.pass(Duration::from_secs(59));
    link.feed(b"\n");
    link.pass(Duration::from_secs(59));
    assert_eq!(link.failure, None, "a newline says that the source is at work");
    link.pass(Duration::from_secs(1));
    assert_eq!(link.failure, Some(Error::ReplyTimeout { step: "PSYNC" }));
}

#[test]
fn silence_ends_a_stream_unless_its_bytes_wait_elsewhere() {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.pass(Duration::from_secs(59));
    link.connection.heard(link.now);
    link.pass(Duration::from_secs(59));
    assert_eq!(link.failure, None);
    link.pass(Duration::from_secs(1));
    assert_eq!(link.failure, Some(Error::Silence));
}

#[test]
fn acknowledges_at_once_each_second_and_on_request() {
    let mut link = Link::new(Config { ack: AckPolicy::Exact, ..resuming() });
    link.shake_hands();
    link.feed(b"+CONTINUE\r\n");
    assert_eq!(parse_all(&link.sent()), ["REPLCONF ACK 1234"], "resumed: that much is applied");
    link.pass(Duration::from_millis(999));
    assert_eq!(link.sent(), b"");
    link.pass(Duration::from_millis(1));
    assert_eq!(parse_all(&link.sent()), ["REPLCONF ACK 1234"]);
    link.feed(&common::commands(&["SET a 1", "REPLCONF GETACK *", "REPLCONF GETACK *"]));
    assert_eq!(parse_all(&link.sent()), ["REPLCONF ACK 1234"], "received is not applied; one answer for all");
    link.connection.set_applied(link.connection.offset());
    link.pass(Duration::from_secs(1));
    assert_eq!(parse_all(&link.sent()), [format!("REPLCONF ACK {}", link.connection.offset())]);
}

#[test]
fn acknowledges_one_less_by_default_and_never_more_than_received() {
    let mut link = Link::new(Config::default());
    link.synchronize(100);
    link.feed(&common::command("SET a 1"));
    let offset = link.connection.offset();
    for (applied, acknowledged) in [(offset + 50, offset - 1), (offset - 5, offset - 1)] {
        link.connection.set_applied(applied);
        link.pass(Duration::from_secs(1));
        assert_eq!(parse_all(&link.sent()), [format!("REPLCONF ACK {acknowledged}")]);
    }
}

#[test]
fn the_first_acknowledgement_of_a_diskless_sync_is_zero_at_once_and_soon_again() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {REPLID} 500\r\n").as_bytes());
    link.feed(&wrap(&snapshot(&[], &[]), Wrapping::Mark));
    assert_eq!(parse_all(&link.sent()), ["REPLCONF ACK 0"]);
    link.pass(Duration::from_millis(100));
    assert_eq!(parse_all(&link.sent()), ["REPLCONF ACK 0"], "the child may not have been gone");
    link.feed(&common::command("SELECT 0"));
    link.pass(Duration::from_millis(100));
    link.sent();
    link.pass(Duration::from_millis(999));
    assert_eq!(link.sent(), b"", "the stream has begun");
}

#[test]
fn a_snapshot_on_its_way_is_kept_alive_by_newlines() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    let wrapped = wrap(&snapshot(&[("k", "v")], &[]), Wrapping::Mark);
    link.feed(format!("+FULLRESYNC {REPLID} 500\r\n").as_bytes());
    link.pass(Duration::from_secs(3));
    assert_eq!(link.sent(), b"", "nothing is sent while the source prepares");
    link.feed(&wrapped[..60]);
    for _ in 0..3 {
        link.pass(Duration::from_secs(1));
        assert_eq!(link.sent(), b"\n");
    }
}

#[test]
fn a_flood_of_requests_for_acknowledgement_costs_one_answer() {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.feed(&common::command("REPLCONF GETACK *").repeat(10_000));
    assert_eq!(parse_all(&link.sent()).len(), 1);
}

#[test]
fn partial_writes_are_continued() {
    let mut link = Link::new(with_password());
    let mut sent = Vec::new();
    while let Some(bytes) = link.connection.poll_transmit() {
        sent.push(bytes[0]);
        link.connection.transmitted(1);
    }
    assert_eq!(parse_all(&sent), ["AUTH secret"]);
}
