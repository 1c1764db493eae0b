use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<Parsed, DefinitionError> {
    let args: Vec<&[u8]> = text.split_whitespace().map(str::as_bytes).collect();
    parse(&args)
}

fn definition(text: &str) -> Definition {
    read(text).expect("a valid definition").definition
}

#[test]
fn defaults_are_everything_under_the_same_names() {
    let plain = definition("m redis://example.net");
    assert_eq!((plain.source.port, plain.source.db, &plain.dbs), (6379, None, &DbMap::All));
    assert!(plain.matches.is_empty() && plain.prefix.is_empty() && !plain.adopt && !plain.paused);
}

#[test]
fn every_option_is_read() {
    let full = read("m:1 redis://[::1]:7000 AUTH joe s3cret DB 1 TO 2 db 3 MATCH a* match b* EXCEPT *c STRIP a PREFIX x: ADOPT PAUSED")
        .expect("valid");
    let d = full.definition;
    assert_eq!((d.source.host.as_str(), d.source.port), ("::1", 7000));
    assert_eq!(d.dbs, DbMap::List(vec![DbPair { source: 1, local: 2 }, DbPair { source: 3, local: 3 }]));
    assert_eq!((d.matches.len(), d.excepts.len(), d.adopt, d.paused), (2, 1, true, true));
    assert_eq!((d.strip.as_slice(), d.prefix.as_slice()), (&b"a"[..], &b"x:"[..]));
    assert_eq!(d.source.user.as_deref(), Some(&b"joe"[..]));
    assert_eq!(full.password.expect("given").as_slice(), b"s3cret");
    assert_eq!(definition("m redis://h/4").dbs, DbMap::List(vec![DbPair { source: 4, local: 4 }]));
}

#[test]
fn secrets_and_certificates_are_named_not_given() {
    let d = definition(
        "m rediss://joe@h AUTH FILE pass/word TLS CA ca.pem tls cert c.pem key k.pem TLS SNI x.org",
    );
    assert_eq!(
        (d.source.scheme, d.source.port, d.source.to_string().as_str()),
        (Scheme::Tls, 6379, "rediss://h:6379")
    );
    assert_eq!(d.source.user.as_deref(), Some(&b"joe"[..]));
    assert_eq!(d.credentials, CredentialSource::File("pass/word".into()));
    assert_eq!(
        (d.tls.ca.as_deref(), d.tls.server_name.as_deref(), d.tls.insecure),
        (Some("ca.pem"), Some("x.org"), false)
    );
    assert_eq!(d.tls.identity, Some(("c.pem".into(), "k.pem".into())));
    let d = definition("m valkeys://h TLS INSECURE auth env MIRROR_A");
    assert_eq!((d.credentials, d.tls.insecure), (CredentialSource::Env("MIRROR_A".into()), true));
}

#[test]
fn each_mistake_has_its_name() {
    use DefinitionError as E;
    for (text, expected) in [
        ("m", E::Missing),
        ("m! redis://h", E::Name),
        ("m http://h", E::Url(UrlError::Scheme)),
        ("m redis://u:p@h", E::Url(UrlError::Credentials)),
        ("m redis://u:p:q@h@i", E::Url(UrlError::Credentials)),
        ("m redis://@h AUTH ENV MIRROR_A", E::Url(UrlError::User)),
        ("m redis://a%20b@h AUTH ENV MIRROR_A", E::Url(UrlError::User)),
        ("m redis://u@h", E::UserWithoutPassword),
        ("m redis://u@h AUTH u p", E::UserTwice),
        ("m redis+sentinel://h", E::Url(UrlError::NotSupported { scheme: "redis+sentinel" })),
        ("m redis://", E::Url(UrlError::Host)),
        ("m redis://[::1", E::Url(UrlError::Host)),
        ("m redis://h:0", E::Url(UrlError::Port)),
        ("m redis://h:70000", E::Url(UrlError::Port)),
        ("m redis://h/x", E::Url(UrlError::Db)),
        ("m redis://h NOPE", E::UnknownOption { position: 3 }),
        ("m redis://h TLS CA x", E::TlsWithoutTls),
        ("m rediss://h TLS", E::Incomplete { option: "TLS" }),
        ("m rediss://h TLS NOPE", E::TlsOption),
        ("m rediss://h TLS CA", E::Incomplete { option: "TLS CA" }),
        ("m rediss://h TLS CERT a", E::Incomplete { option: "TLS CERT" }),
        ("m rediss://h TLS CERT a b c", E::Incomplete { option: "TLS CERT" }),
        ("m rediss://h TLS CERT a KEY", E::Incomplete { option: "KEY" }),
        ("m rediss://h TLS CA a TLS CA b", E::Duplicate { option: "TLS CA" }),
        ("m rediss://h TLS CA ../a", E::Path { option: "TLS CA" }),
        ("m rediss://h TLS INSECURE TLS CA a", E::InsecureWithCa),
        ("m rediss://h TLS SNI a/b", E::Url(UrlError::Host)),
        ("m redis://h AUTH FILE a/../b", E::Path { option: "AUTH FILE" }),
        ("m redis://h AUTH FILE", E::Incomplete { option: "AUTH FILE" }),
        ("m redis://h AUTH ENV PATH", E::Variable),
        ("m redis://h AUTH ENV MIRROR_", E::Variable),
        ("m redis://h AUTH ENV MIRROR_A=B", E::Variable),
        ("m redis://h AUTH ENV MIRROR_A AUTH FILE b", E::Duplicate { option: "AUTH" }),
        ("m redis://h type string", E::OptionNotSupported { option: "TYPE" }),
        ("m redis://h SHARED", E::OptionNotSupported { option: "SHARED" }),
        ("m redis://h ADOPT ADOPT", E::Duplicate { option: "ADOPT" }),
        ("m redis://h PREFIX a PREFIX b", E::Duplicate { option: "PREFIX" }),
        ("m redis://h AUTH a b AUTH a b", E::Duplicate { option: "AUTH" }),
        ("m redis://h AUTH a", E::Incomplete { option: "AUTH" }),
        ("m redis://h MATCH", E::Incomplete { option: "MATCH" }),
        ("m redis://h DB x", E::Db { option: "DB" }),
        ("m redis://h DB -1", E::Db { option: "DB" }),
        ("m redis://h DB +1", E::Db { option: "DB" }),
        ("m redis://h DB 1 TO 2147483647", E::Db { option: "TO" }),
        ("m redis://h DB 1 DB 1", E::SourceDbTwice { db: 1 }),
        ("m redis://h DB 1 DB 2 TO 1", E::LocalDbTwice { db: 1 }),
        ("m redis://h/1 DB 1", E::DbInUrlAndOption),
    ] {
        assert_eq!(read(text).err(), Some(expected), "{text}");
    }
}

#[test]
fn no_error_repeats_a_secret() {
    for text in ["m redis://u:hush@h", "m redis://h AUTH u hush hush", "m redis://h AUTH hush", "m hush://h"]
    {
        let error = read(text).expect_err("refused").to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn secrets_are_found_in_refused_commands_too() {
    let find = |text: &str| secret_args(&text.split_whitespace().map(str::as_bytes).collect::<Vec<_>>());
    assert_eq!(find("m redis://h AUTH u p"), [3, 4]);
    assert_eq!(find("m redis://u:p@h NOPE auth u"), [1, 4]);
    assert_eq!(find("m redis://h"), [0; 0]);
    assert_eq!(find("m AUTH u p"), [2, 3], "RESUME");
}

#[test]
fn a_login_is_changed_and_nothing_else() {
    let before = definition("m rediss://joe@h/3 AUTH FILE a TLS CA ca.pem PREFIX x:");
    let login =
        |text: &str| parse_login(&before, &text.split_whitespace().map(str::as_bytes).collect::<Vec<_>>());
    let changed = login("auth env MIRROR_B").expect("valid").definition;
    assert_eq!(
        changed,
        Definition { credentials: CredentialSource::Env("MIRROR_B".into()), ..before.clone() }
    );
    let inline = login("AUTH sue hush").expect("valid");
    assert_eq!(inline.definition.source.user.as_deref(), Some(&b"sue"[..]));
    assert_eq!(
        (inline.definition.credentials, inline.password.expect("given").as_slice()),
        (CredentialSource::Inline, &b"hush"[..])
    );
    assert_eq!(login("PREFIX y:").err(), Some(DefinitionError::UnknownOption { position: 1 }));
    assert_eq!(login("AUTH a").err(), Some(DefinitionError::Incomplete { option: "AUTH" }));
}

#[test]
fn a_newer_format_is_refused() {
    assert_eq!(Definition::decode(&[b"2", b"m", b"redis://h"]), Err(DecodeError::NewerFormat));
    assert!(matches!(Definition::decode(&[b"1", b"m"]), Err(DecodeError::Damaged { .. })));
    assert!(matches!(
        Definition::decode(&[b"1", b"m", b"redis://h", b"NEW"]),
        Err(DecodeError::Damaged { .. })
    ));
}

fn credentials() -> impl Strategy<Value = CredentialSource> {
    prop_oneof![
        Just(CredentialSource::None),
        Just(CredentialSource::Inline),
        "[a-z/.]{1,9}".prop_filter("leads up", |path| !path.contains("..")).prop_map(CredentialSource::File),
        "MIRROR_[A-Z0-9]{1,9}".prop_map(CredentialSource::Env),
    ]
}

fn tls() -> impl Strategy<Value = TlsOptions> {
    let path = || "[a-z]{1,9}";
    let identity = prop::option::of((path(), path()));
    (prop::option::of(path()), identity, prop::option::of(path()), any::<bool>())
        .prop_map(|(ca, identity, server_name, insecure)| TlsOptions { ca, identity, server_name, insecure })
}

fn arbitrary() -> impl Strategy<Value = Definition> {
    let text = || prop::collection::vec(any::<u8>(), 0..20);
    let globs = || prop::collection::vec(text(), 0..4);
    let dbs = prop::collection::btree_map(0..20u32, 0..20u32, 0..4);
    let keys = (globs(), globs(), text(), text(), dbs);
    let source = (credentials(), tls(), prop::option::of(text()));
    (keys, any::<[bool; 2]>(), source).prop_map(
        |((matches, excepts, strip, prefix, dbs), flags, (credentials, tls, user))| {
            let compile = |texts: Vec<Vec<u8>>| texts.iter().map(|t| Glob::new(t).expect("short")).collect();
            let mut made = Definition::bare(b"m".to_vec(), SourceUrl::parse(b"rediss://h:1").expect("valid"));
            (made.matches, made.excepts, made.strip, made.prefix) =
                (compile(matches), compile(excepts), strip, prefix);
            for (source, local) in dbs {
                let _refused_twins = made.dbs.add(DbPair { source, local });
            }
            [made.adopt, made.paused] = flags;
            (made.credentials, made.tls, made.source.user) = (credentials, tls, user);
            made
        },
    )
}

proptest! {
    #[test]
    fn the_stored_form_reads_back_equal(definition in arbitrary()) {
        let stored = definition.encode();
        let items: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(Definition::decode(&items), Ok(definition));
    }

    #[test]
    fn hostile_stored_forms_are_errors_not_panics(items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..12)) {
        let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        let _any_answer = Definition::decode(&items);
    }

    #[test]
    fn the_password_is_never_stored(password in "[a-z]{12}") {
        let text = format!("m redis://h AUTH joe {password}");
        let stored = definition(&text).encode();
        prop_assert!(!stored.concat().windows(12).any(|window| window == password.as_bytes()));
    }
}
