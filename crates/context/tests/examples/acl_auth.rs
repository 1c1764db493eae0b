//! `examples/acl_auth`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{
    Authority, Client, ClientCertificates, Command, Family, Folder, Identity, Options, Server, TlsPort,
    servers,
};

use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["acl_auth"], drive };

/// Whether the server has what Redis had at 7.2, where the families parted.
pub fn is_since_7_2(server: &Server) -> bool {
    let version = &server.installed().version;
    version.family == Family::Valkey || (version.major, version.minor) >= (7, 2)
}

fn drive(server: &Server, client: &mut Client) {
    let mut guest = server.client();
    guest.run("GUEST.LOGIN");
    assert_eq!(guest.text("GUEST.WHOAMI"), "guest");
    assert!(guest.refusal("SET public:greeting hello").starts_with("NOPERM"));
    assert_eq!(guest.bytes("GET public:greeting"), None);

    let rights = client.text("GUEST.RIGHTS");
    assert!(rights.contains("~public:*") && !rights.contains("+set"), "{rights}");
    assert!(client.text("GUEST.RIGHTS +set").contains("+set"));
    guest.run("SET public:greeting hello");
    let refusal = client.refusal("GUEST.RIGHTS +noSuchCommand");
    assert!(refusal.contains("modifier '+noSuchCommand': Unknown command"), "{refusal}");

    client.run("ACL LOG RESET");
    assert_eq!(client.int("GUEST.MAY default GET private:letter"), 1);
    client.run("ACL SETUSER ann reset");
    assert_eq!(client.int("GUEST.MAY ann GET private:letter"), 0);
    assert!(client.run("ACL LOG").to_string().contains("module"));
    if is_since_7_2(server) {
        assert_eq!(client.text("GUEST.CALL GET public:greeting"), "hello");
        assert!(client.refusal("GUEST.CALL GET private:letter").contains("no permission"));
        auth_by_ticket(server, client);
    } else {
        assert!(client.refusal("GUEST.CALL GET public:greeting").contains("came with Redis 7.2"));
    }

    assert_eq!(client.int("GUEST.EXPEL"), 1);
    wait_until("the guest is gone", || {
        guest.send(&Command::new("PING")).is_err() || guest.receive().is_err()
    });
    assert_eq!(client.int("GUEST.EXPEL"), 0);
    client.run("ACL DELUSER ann");
}

fn auth_by_ticket(server: &Server, client: &mut Client) {
    client.run("ACL SETUSER ann on ~* +@all");
    client.run("GUEST.TICKET ann sesame");
    let mut ann = server.client();
    ann.run("AUTH ticket:ann sesame");
    assert_eq!(ann.text("ACL WHOAMI"), "ann");
    assert_eq!(ann.refusal("AUTH ticket:ann mellon"), "DENIED the ticket is not valid");
    ann.run("HELLO 3 AUTH ticket:ann sesame");
    assert!(ann.refusal("AUTH ann nothing").starts_with("WRONGPASS"));
}

#[test]
fn the_comment_shows_what_happens() {
    crate::harness::on_each_server(&["acl_auth"], drive);
}

/// Tells a story to each server, with `module` loaded, which only tests load.
pub fn on_each_server_with(module: &str, story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, with(module));
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

/// Options that load `module`, which only tests load.
pub fn with(module: &str) -> Options {
    Options::new().module(&crate::example::module(module), "")
}

fn odd(story: impl Fn(&Server, &mut Client)) {
    on_each_server_with("odd_auth", story);
}

fn journal(client: &mut Client) -> Vec<String> {
    client.texts("OA.JOURNAL")
}

/// Bytes that break what takes them for text, a line or a format.
fn odd_bytes() -> [Vec<u8>; 5] {
    [
        b"a\0b".to_vec(),
        b"%s%n%s".to_vec(),
        b"\xff\xfe".to_vec(),
        b"x\r\n+OK\r\n".to_vec(),
        vec![b'm'; 1 << 20],
    ]
}

#[test]
fn rights_are_changed_all_or_none_and_a_refusal_says_why() {
    odd(|_, client| {
        client.run("OA.NEW on ~a* +get");
        client.run(Command::new("OA.SET").arg("~\"b").arg("(+set ~z*)").arg("+ping"));
        let rights = client.text("OA.RIGHTS");
        assert!(rights.contains("+ping") && rights.contains(" ~\"b ") && rights.contains("(~z*"), "{rights}");
        let refusal = client.refusal("OA.SET +del ~b* +nonsense");
        assert!(refusal.contains("+nonsense") && refusal.contains("Unknown command"), "{refusal}");
        assert_eq!(client.text("OA.RIGHTS"), rights, "nothing of it was applied");
        for rule in ["(+get", "\"", "", " ", "~a b", "<nothing", "#0"] {
            let answer = client.call(Command::new("OA.SET").arg(rule));
            assert_eq!(answer.is_ok(), rule.is_empty(), "{rule:?}: {answer:?}");
        }
        for bytes in odd_bytes() {
            client.refusal(Command::new("OA.SET").arg(&bytes[..bytes.len().min(1000)]));
        }
        client.refusal("OA.NEW nonsense");
        client.run("ACL SETUSER real on >secret ~k* &ch* +get (+set ~z*)");
        let copy = client.text("OA.COPY real");
        let list = client.texts("ACL LIST");
        let real = list.iter().find_map(|line| line.strip_prefix("user real ")).expect("the user is listed");
        assert_eq!(copy, real);
        assert!(client.refusal("OA.COPY nobody").contains("there is none of that name"));
    });
}

#[test]
fn a_client_becomes_another_user_and_the_change_is_heard_once() {
    odd(|server, client| {
        client.run("OA.NEW on ~* &* +@all");
        client.run("ACL SETUSER ann on ~* &* +@all");
        client.run("ACL SETUSER off off");
        client.run("OA.JOURNAL");
        let mut other = server.client();
        other.run("OA.LOGIN module");
        assert_eq!(other.text("ACL WHOAMI"), "odd");
        other.run("OA.LOGIN ann");
        assert_eq!(other.text("ACL WHOAMI"), "ann");
        for nobody in ["off", "nobody"] {
            assert!(other.refusal(format!("OA.LOGIN {nobody}")).contains("no such user, or the user is off"));
        }
        assert_eq!(journal(client), ["changed module"]);
        drop(other);
        wait_until("the change is heard", || journal(client) == ["changed ann"]);
        let mut reset = server.client();
        reset.run("OA.LOGIN ann");
        reset.run("RESET");
        assert_eq!(journal(client), ["changed ann"]);
        client.run("ACL SETUSER panicker on +@all");
        reset.run("OA.LOGIN panicker");
        reset.run("OA.LOGIN ann");
        assert!(server.log().contains("in the change of a user"));
        client.run("ACL SETUSER closer on +@all");
        let mut closer = server.client();
        closer.run("OA.LOGIN closer");
        drop(closer);
        wait_until("closed twice", || journal(client).contains(&"closing again: Ok(())".to_owned()));
    });
}

#[test]
fn only_a_connection_with_a_user_is_authenticated() {
    odd(|server, client| {
        client.run("OA.NEW on ~* &* +@all");
        let script = Command::new("EVAL").arg("return redis.call('OA.LOGIN', 'module')").arg("0");
        assert!(client.refusal(script).contains("only a connection that has a user"));
        client.run("MULTI");
        client.run("OA.LOGIN module");
        client.run("ACL WHOAMI");
        assert!(client.run("EXEC").to_string().contains("odd"));
        client.run("AUTH default x");
        if is_since_7_2(server) {
            // The client of a call has no connection, whatever the server's index of clients holds.
            assert!(client.refusal("OA.CALL OA.LOGIN module").contains("only a connection that has a user"));
            assert_eq!(client.bytes("OA.CALL OA.CERT"), None);
            for id in 1..20 {
                let _ = client.call(format!("OA.INFO {id}"));
                let _ = client.call(format!("OA.USER {id}"));
            }
        }
    });
}

#[test]
fn dropping_a_user_disconnects_its_clients_even_in_the_middle_of_their_commands() {
    odd(|server, client| {
        let code = "redis.call('OA.DROP') return redis.pcall('GET', 'x')";
        let commands = [
            Command::new("OA.DROP"),
            Command::new("EVAL").arg(code).arg("0"),
            // Redis 7.0 runs no call as a user.
            Command::new("OA.CALL EVAL").arg(code).arg("0"),
        ];
        for command in commands.iter().take(if is_since_7_2(server) { 3 } else { 2 }) {
            client.run("OA.NEW on ~* &* +@all");
            let mut one = server.client();
            let mut two = server.client();
            one.run("OA.LOGIN module");
            two.run("OA.LOGIN module");
            two.run("PING");
            one.send(command).expect("the command is sent");
            let _ = one.receive();
            for gone in [&mut one, &mut two] {
                wait_until("it is gone", || {
                    gone.send(&Command::new("PING")).is_err() || gone.receive().is_err()
                });
            }
        }
    });
}

#[test]
fn a_user_whose_rights_shrink_keeps_its_subscribers_and_the_server() {
    odd(|server, client| {
        client.run("OA.NEW on ~* &* +@all");
        let mut subscriber = server.client();
        subscriber.run("OA.LOGIN module");
        subscriber.run("HELLO 3");
        subscriber.send(&Command::new("SUBSCRIBE ch")).expect("it is sent");
        subscriber.receive().expect("it is subscribed");
        subscriber.run("OA.SET resetchannels -publish");
        assert!(subscriber.refusal("PUBLISH ch x").starts_with("NOPERM"));
    });
}

#[test]
fn calls_have_the_rights_of_the_user_inside_and_of_the_client_outside() {
    odd(|server, client| {
        client.run("OA.NEW on ~a +get");
        client.run("MSET a 1 b 2");
        if !is_since_7_2(server) {
            assert!(client.refusal("OA.AS PLAIN GET b").contains("came with Redis 7.2"));
            return;
        }
        assert_eq!(client.texts("OA.AS PLAIN GET a"), ["1", "1"]);
        let replies = client.texts("OA.AS PLAIN GET b");
        assert!(replies[0].contains("no permission") && replies[1] == "2", "{replies:?}");
        let replies = client.texts("OA.AS NESTED GET b");
        assert!(replies[0].contains("no permission") && replies[2].contains("no permission"), "{replies:?}");
        assert!(replies[1] == "2" && replies[3] == "2", "{replies:?}");
        assert!(client.refusal("OA.AS PANIC GET b").contains("internal error"));
        assert_eq!(client.texts("OA.AS PLAIN GET a"), ["1", "1"], "the panic has undone it");
    });
}

#[test]
fn denials_are_logged_with_any_bytes() {
    odd(|server, client| {
        client.run("OA.NEW on");
        client.run("ACL LOG RESET");
        for reason in ["auth", "command", "key", "channel"] {
            client.run(format!("OA.LOG {reason} thing"));
            let entry = client.run("ACL LOG 1").to_string();
            assert!(entry.contains(reason) && entry.contains("odd") && entry.contains("module"), "{entry}");
        }
        assert!(client.refusal("OA.LOG other thing").contains("it has no name"));
        for bytes in odd_bytes() {
            client.run(Command::new("OA.LOG key").arg(bytes.clone()));
            let by_name = client.call(Command::new("OA.LOG key").arg(bytes.clone()).arg(bytes));
            assert_eq!(by_name.is_ok(), is_since_7_2(server));
            client.run("ACL LOG");
            client.run("ACL LOG RESET");
        }
        client.run("CONFIG SET acllog-max-len 0");
        client.run("OA.LOG key thing");
    });
}

/// Whether the server is of that family and at least that old.
fn is(server: &Server, family: Family, version: (u8, u8)) -> bool {
    let found = &server.installed().version;
    found.family == family && (found.major, found.minor) >= (version.0.into(), version.1.into())
}

#[test]
fn key_prefixes_and_databases_are_checked_where_the_server_can() {
    odd(|server, client| {
        client.run("ACL SETUSER ann on resetkeys ~cart* %R~price* +get");
        let prefix = |client: &mut Client, prefix: &[u8], way: &str| {
            client.call(Command::new("OA.PREFIX ann").arg(prefix).arg(way))
        };
        let has_prefixes = is(server, Family::Redis, (8, 0)) || is(server, Family::Valkey, (9, 1));
        if has_prefixes {
            let mut ask = |text: &[u8], way: &str| prefix(client, text, way).expect("an answer").as_int();
            assert_eq!(ask(b"cart:1", "write"), Some(1));
            assert_eq!(ask(b"car", "write"), Some(0));
            assert_eq!(ask(b"price:", "read"), Some(1));
            assert_eq!(ask(b"price:", "write"), Some(0));
            for bytes in odd_bytes().iter().chain([&Vec::new()]) {
                assert_eq!(ask(bytes, "read"), Some(0));
            }
            assert!(client.refusal("OA.PREFIX nobody x read").contains("none of that name"));
        } else {
            let refusal = prefix(client, b"x", "read").expect_err("a refusal").to_string();
            assert!(refusal.contains("Redis 8.0 and Valkey 9.1"), "{refusal}");
        }
        if is(server, Family::Valkey, (9, 1)) {
            assert_eq!(client.text("OA.INDB ann 0 GET cart1"), "None");
            assert_eq!(client.text("OA.INDB ann 0 SET cart1 x"), "Some(Command)");
            assert_eq!(client.text("OA.INDB ann 0 GET other"), "Some(Key)");
            client.run("ACL SETUSER ann resetdbs db=1");
            assert!(client.text("OA.INDB ann 0 GET cart1").starts_with("Some("));
            assert_eq!(client.text("OA.INDB ann 1 GET cart1"), "None");
            assert!(client.refusal("OA.INDB ann 99 GET x").contains("none of that name or number"));
            let refusal = client.refusal("OA.INDB ann 0 NOSUCH x");
            assert!(refusal.contains("none of that name"), "{refusal}");
            // Key finders that read beyond what a wrong arity leaves.
            for short in ["EVAL x", "ZUNIONSTORE x", "MIGRATE", "SORT", "XREAD"] {
                let _ = client.call(format!("OA.INDB ann 1 {short}"));
            }
        } else {
            assert!(client.refusal("OA.INDB ann 0 GET x").contains("came with Valkey 9.1"));
        }
    });
}

#[test]
fn channels_are_checked_as_the_server_checks_them() {
    odd(|server, client| {
        client.run("ACL SETUSER ann on nopass resetchannels &news:* +@all");
        let mut ann = server.client();
        ann.run("AUTH ann x");
        for (channel, wanted) in [("news:1", 1), ("other", 0)] {
            assert_eq!(client.int(format!("OA.CHANNEL ann {channel}")), wanted);
            assert_eq!(ann.call(format!("PUBLISH {channel} x")).is_ok(), wanted == 1, "{channel}");
        }
        assert_eq!(client.int("OA.CHANNEL ann news:* PATTERN"), 1);
        assert_eq!(client.int("OA.CHANNEL ann news:? PATTERN"), 0);
        assert_eq!(client.int("OA.CHANNEL ann other LEAVE"), 1);
        assert!(client.refusal("OA.CHANNEL nobody x").contains("none of that name"));
        for bytes in odd_bytes() {
            assert_eq!(client.int(Command::new("OA.CHANNEL ann").arg(bytes)), 0);
        }
    });
}

#[test]
fn keys_are_checked_as_the_server_checks_them() {
    odd(|server, client| {
        client.run("ACL SETUSER ann on nopass resetkeys ~own:* %R~shown:* +@all");
        client.run("MSET own:k 1 shown:k 1 other 1");
        let mut ann = server.client();
        ann.run("AUTH ann x");
        for key in ["own:k", "shown:k", "other"] {
            for (way, command) in [("read", format!("GET {key}")), ("write", format!("SET {key} 1"))] {
                let is_allowed = client.int(format!("OA.KEY ann {key} {way}")) == 1;
                assert_eq!(ann.call(command.as_str()).is_ok(), is_allowed, "{command}");
            }
        }
        for bytes in odd_bytes() {
            assert_eq!(client.int(Command::new("OA.KEY ann").arg(bytes).arg("read")), 0);
        }
        assert!(client.refusal("OA.KEY nobody x read").contains("none of that name"));
    });
}

#[test]
fn a_command_is_of_the_category_that_its_module_adds() {
    odd(|server, client| {
        if is_since_7_2(server) {
            assert!(client.texts("ACL CAT").contains(&"oddities".to_owned()));
            client.run("ACL SETUSER ann reset on nopass");
            let mut ann = server.client();
            ann.run("AUTH ann x");
            assert!(ann.refusal("OA.ODD").starts_with("NOPERM"));
            client.run("ACL SETUSER ann +@oddities");
            ann.run("OA.ODD");
            assert!(ann.refusal("PING").starts_with("NOPERM"));
        } else {
            client.refusal("OA.ODD");
        }
    });
}

#[test]
fn messages_reach_the_subscribers_of_a_channel_and_of_a_shard_with_any_bytes() {
    odd(|server, client| {
        let mut subscriber = server.client();
        for (subscribe, publish) in
            [("SUBSCRIBE ch", "OA.PUBLISH ch"), ("SSUBSCRIBE ch", "OA.PUBLISH shard ch")]
        {
            subscriber.send(&Command::new(subscribe)).expect("it is sent");
            subscriber.receive().expect("it is subscribed");
            for bytes in odd_bytes() {
                assert_eq!(client.int(Command::new(publish).arg(bytes.clone())), 1, "{publish}");
                let message = subscriber.receive().expect("a message");
                let parts = message.as_array().expect("a message has parts");
                assert_eq!(parts[2].as_bytes(), Some(bytes.as_slice()));
            }
        }
        assert_eq!(client.int("OA.PUBLISH nobody x"), 0);
    });
}

#[test]
fn auth_is_granted_denied_or_left_to_the_server() {
    odd(|server, client| {
        if !is_since_7_2(server) {
            assert!(journal(client)[0].contains("came with Redis 7.2"));
            return;
        }
        assert!(journal(client)[0].contains("the module has a handler of AUTH"));
        client.run("ACL SETUSER ann on >real ~* &* +@all");
        client.run("ACL SETUSER off off");
        client.run("OA.NEW on ~* &* +@all");
        let mut other = server.client();
        other.run("AUTH acl:ann x");
        assert_eq!(other.text("ACL WHOAMI"), "ann");
        other.run("AUTH module x");
        assert_eq!(other.text("ACL WHOAMI"), "odd");
        other.run("AUTH ann real");
        assert_eq!(other.text("ACL WHOAMI"), "ann");
        assert!(other.refusal("AUTH ann wrong").starts_with("WRONGPASS"));
        assert!(other.refusal("AUTH denied x").starts_with("WRONGPASS"));
        assert_eq!(other.refusal("AUTH error:sorry x"), "ODD sorry");
        assert!(other.refusal("AUTH acl:off x").contains("the user is off"));
        assert!(other.refusal("AUTH panic x").contains("internal error"));
        assert!(server.log().contains("in a handler of AUTH"));
        other.run("HELLO 3 AUTH acl:ann x SETNAME me");
        for bytes in odd_bytes() {
            let name = [b"error:", &bytes[..bytes.len().min(1000)]].concat();
            assert!(other.refusal(Command::new("AUTH").arg(name).arg(bytes.clone())).starts_with("ODD "));
            other.refusal(Command::new("AUTH").arg(bytes.clone()).arg(bytes));
            other.run("PING");
        }
        // What a module's call authenticates is nobody.
        assert!(client.run("OA.AS PLAIN AUTH acl:ann x").to_string().contains("WRONGPASS"));
    });
}

#[test]
fn an_auth_that_waits_is_decided_once_whatever_happens_meanwhile() {
    odd(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        client.run("ACL SETUSER ann on ~* &* +@all");
        let waiter = |client: &mut Client, name: &str| {
            let mut waiter = server.client();
            waiter.send(&Command::new(format!("AUTH {name} x").as_str())).expect("it is sent");
            wait_until("it waits", || client.int("OA.WAITING") == 1);
            waiter
        };
        let mut answer = |name: &str, finding: &str| {
            let mut waiter = waiter(client, name);
            assert_eq!(client.int(format!("OA.DECIDE {finding}")), 1);
            let answer = waiter.receive().expect("it is answered").to_string();
            waiter.call("PING").expect("it goes on");
            answer
        };
        assert!(answer("later", "acl:ann").contains("OK"));
        assert!(answer("later", "error:no").contains("ODD no"));
        assert!(answer("later", "denied").contains("WRONGPASS"));
        assert!(answer("later", "unknown").contains("WRONGPASS"));
        assert!(answer("later", "panic").contains("internal error"));
        assert!(answer("later", "drop").contains("gave this request up"));
        assert!(answer("laterpanic", "acl:ann").contains("OK"));
        assert!(journal(client).contains(&"again Some(AlreadyAnswered)".to_owned()));
        let clients = |client: &mut Client| client.text("CLIENT LIST").lines().count();
        for finding in ["acl:ann", "drop"] {
            drop(waiter(client, "later"));
            wait_until("it is gone", || clients(client) == 1);
            client.run(format!("OA.DECIDE {finding}"));
        }
        // It leaves between the decision and the reply.
        let killed = waiter(client, "later");
        let id = client.text("CLIENT LIST").lines().find_map(|line| {
            line.contains("flags=b").then(|| line.split(['=', ' ']).nth(1).unwrap_or_default().to_owned())
        });
        let id = id.expect("the client that waits");
        let replies = client
            .pipeline([
                &Command::new("OA.DECIDE acl:ann"),
                &Command::new(format!("CLIENT KILL ID {id}").as_str()),
            ])
            .expect("both are answered");
        assert_eq!(replies[0].as_int(), Some(1), "{replies:?}");
        drop(killed);
        assert!(answer_of(server, client).contains("OK"));
    });
}

/// What one more AUTH that waits is answered.
fn answer_of(server: &Server, client: &mut Client) -> String {
    let mut waiter = server.client();
    waiter.send(&Command::new("AUTH later x")).expect("it is sent");
    wait_until("it waits", || client.int("OA.WAITING") == 1);
    client.run("OA.DECIDE acl:ann");
    waiter.receive().expect("it is answered").to_string()
}

#[test]
fn auth_inside_a_busy_script_is_decided_and_never_blocks() {
    odd(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        client.run("ACL SETUSER ann on ~* &* +@all");
        client.run("CONFIG SET busy-reply-threshold 10");
        let mut script = server.client();
        script.send(&Command::new("EVAL").arg("while true do end").arg("0")).expect("it is sent");
        wait_until("the server is busy", || client.call("PING").is_err());
        client.run("AUTH acl:ann x");
        assert!(client.refusal("AUTH later x").contains("not allowed inside a transaction or a script"));
        client.run("AUTH acl:ann x");
        client.run("SCRIPT KILL");
        script.receive().expect("the script ends");
    });
}

#[test]
fn clients_are_known_named_and_closed_by_their_id() {
    odd(|server, client| {
        let mut other = server.client();
        let id = other.int("CLIENT ID");
        assert_eq!(client.bytes(format!("OA.NAME {id}")), None);
        client.run(format!("OA.NAME {id} me"));
        assert_eq!(other.text("CLIENT GETNAME"), "me");
        assert_eq!(client.text(format!("OA.NAME {id}")), "me");
        client.run(Command::new("OA.NAME").arg(id.to_string()).arg(""));
        assert_eq!(client.bytes(format!("OA.NAME {id}")), None);
        for bytes in [b"a b".to_vec(), b"a\0b".to_vec(), b"x\r\n".to_vec(), b"\xff".to_vec()] {
            let refusal = client.refusal(Command::new("OA.NAME").arg(id.to_string()).arg(bytes));
            assert!(refusal.contains("not printable"), "{refusal}");
        }
        client.run(Command::new("OA.NAME").arg(id.to_string()).arg(vec![b'n'; 1 << 20]));
        other.run("SELECT 3");
        assert_eq!(client.text(format!("OA.USER {id}")), "default");
        assert_eq!(client.text(format!("OA.INFO {id}")), format!("{id} 3"));
        client.run(format!("OA.CLOSE {id}"));
        wait_until("it is closed", || other.send(&Command::new("PING")).is_err() || other.receive().is_err());
        for unknown in ["0".to_owned(), u64::MAX.to_string(), id.to_string()] {
            assert_eq!(client.bytes(format!("OA.NAME {unknown}")), None);
            assert_eq!(client.bytes(format!("OA.USER {unknown}")), None);
            assert_eq!(client.bytes(format!("OA.INFO {unknown}")), None);
            assert!(client.refusal(format!("OA.CLOSE {unknown}")).contains("no connection of that id"));
            assert!(client.refusal(format!("OA.NAME {unknown} x")).contains("no connection of that id"));
        }
        let mut own = server.client();
        let id = own.int("CLIENT ID");
        own.run(format!("OA.CLOSE {id}"));
        wait_until("it is closed", || own.send(&Command::new("PING")).is_err() || own.receive().is_err());
    });
}

#[test]
fn who_must_be_obeyed_and_the_secret_are_told_where_the_server_can() {
    odd(|server, client| {
        assert_eq!(client.bytes("OA.CERT"), None, "there is no TLS");
        if is(server, Family::Valkey, (8, 1)) {
            assert_eq!(client.int("OA.OBEY"), 0);
        } else {
            assert!(client.refusal("OA.OBEY").contains("came with Valkey 8.1"));
        }
        if is(server, Family::Redis, (8, 0)) {
            let secret = client.bytes("OA.SECRET");
            assert!(secret.is_none_or(|secret| secret.len() == 40));
        } else {
            assert!(client.refusal("OA.SECRET").contains("came with Redis 8.0"));
        }
    });
    for installed in servers() {
        let server = Server::start(installed, with("odd_auth").set("cluster-enabled", "yes"));
        if is(&server, Family::Redis, (8, 0)) {
            let secret = server.client().bytes("OA.SECRET").expect("a cluster has a secret");
            assert_eq!(secret.len(), 40, "{installed}");
        }
    }
}

#[test]
fn a_certificate_is_seen_by_commands_and_by_auth() {
    let authority = Authority::new("clients");
    let (identity, shown) = (authority.server(&["127.0.0.1"]), authority.client("ann"));
    let files = Folder::new("certificates");
    files.write("ca.pem", authority.pem());
    files.write("client.pem", &shown.chain_pem);
    files.write("client.key", &shown.key_pem);
    for installed in servers() {
        println!("on {installed}");
        let port = TlsPort::new(
            Identity { chain_pem: identity.chain_pem.clone(), key_pem: identity.key_pem.clone() },
            &authority,
        )
        .clients(ClientCertificates::Optional);
        let server = Server::start(installed, with("odd_auth").tls(port));
        let ask = |certificate: bool, command: &[&str]| {
            let mut cli = std::process::Command::new(installed.tool("cli"));
            let address = server.tls_address();
            cli.args(["-h", "127.0.0.1", "-p", &address.port().to_string(), "--tls", "--cacert"]);
            cli.arg(files.path().join("ca.pem"));
            if certificate {
                cli.arg("--cert").arg(files.path().join("client.pem"));
                cli.arg("--key").arg(files.path().join("client.key"));
            }
            let output = cli.args(command).output().expect("redis-cli runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let seen = ask(true, &["OA.CERT"]);
        assert!(
            seen.contains("BEGIN CERTIFICATE") && seen.contains("END CERTIFICATE"),
            "{installed}: {seen}"
        );
        assert!(!ask(false, &["OA.CERT"]).contains("BEGIN"), "{installed}");
        if is_since_7_2(&server) {
            ask(true, &["AUTH", "cert", "x"]);
            ask(false, &["AUTH", "cert", "x"]);
            let lines = journal(&mut server.client());
            let seen: Vec<_> = lines.iter().filter(|line| line.starts_with("cert ")).collect();
            assert_eq!(seen, ["cert true", "cert false"], "{installed}");
        }
    }
}
