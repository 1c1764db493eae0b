//! Arbitrary replies to a handshake: the requests keep to their order, and pieces change nothing.

use redis_replica::{Config, Credentials, Position};

use super::link::{follow, limits};

const REPLID: &str = "0123456789abcdef0123456789abcdef01234567";

pub fn check(data: &[u8]) {
    let [choice, seed, replies @ ..] = data else { return };
    let config = config(*choice);
    let whole = follow(config.clone(), replies, 0);
    for cut in [1, *seed] {
        let cut = follow(config.clone(), replies, cut);
        cut.assert_same(&whole);
        assert_requests(&cut.requests, &config);
        // What was not sent when a link failed is never sent.
        let (fewer, more) = if cut.foresees(&whole) { (&cut, &whole) } else { (&whole, &cut) };
        assert!(more.requests.starts_with(&fewer.requests));
        assert!(fewer.failure.is_some() || fewer.requests == more.requests);
    }
}

fn config(choice: u8) -> Config {
    let credentials = match choice & 3 {
        0 | 1 => None,
        2 => Some(Credentials::password("secret")),
        _ => Some(Credentials::user("user", "secret")),
    };
    let replid = REPLID.parse().expect("40 digits");
    let resume = (choice & 4 != 0).then_some(Position { replid, offset: 1234, db: 7 });
    Config { credentials, resume, limits: limits(), ..Config::default() }
}

/// Each request of the handshake at most once, in order, and nothing left out before one that was sent.
fn assert_requests(requests: &[Vec<Vec<u8>>], config: &Config) {
    let auth = match format!("{:?}", config.credentials) {
        text if text.contains("user: Some") => Some("AUTH user secret"),
        text if text.contains("Credentials") => Some("AUTH secret"),
        _ => None,
    };
    let version = format!("REPLCONF version {}", config.announced_version);
    let psync = match &config.resume {
        Some(position) => format!("PSYNC {REPLID} {}", position.offset + 1),
        None => "PSYNC ? -1".to_owned(),
    };
    let expected: Vec<Vec<Vec<u8>>> =
        [auth, Some("PING"), Some("REPLCONF capa eof"), Some("REPLCONF capa psync2")]
            .into_iter()
            .flatten()
            .chain([version.as_str(), psync.as_str(), "SYNC"])
            .map(|line| line.split(' ').map(|word| word.as_bytes().to_vec()).collect())
            .collect();
    assert!(expected.starts_with(requests), "{requests:?}");
}
