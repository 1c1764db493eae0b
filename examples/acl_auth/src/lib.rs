//! Users, rights and authentication.
//!
//! The module has a user of its own, `guest`, whom the server's ACL does not list. GUEST.LOGIN makes a client one, on
//! every server. From Redis 7.2 and Valkey 7.2 on the module also decides on AUTH: a name that begins with `ticket:` is
//! let in with the ticket of that user, which a thread checks while the client waits.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_acl_auth.so
//! $ redis-cli
//! > GUEST.LOGIN
//! OK
//! > GUEST.WHOAMI
//! "guest"
//! > SET public:greeting hello
//! (error) NOPERM User guest has no permissions to run the 'set' command
//! > GET public:greeting
//! (nil)
//!
//! $ redis-cli                                    # a second client, the default user
//! > GUEST.RIGHTS
//! "on nopass sanitize-payload ~public:* resetchannels -@all +@read +guest.whoami"
//! > GUEST.RIGHTS +set
//! "on nopass sanitize-payload ~public:* resetchannels -@all +@read +guest.whoami +set"
//! > GUEST.RIGHTS +noSuchCommand
//! (error) ERR Error in ACL SETUSER modifier '+noSuchCommand': Unknown command or category name in ACL
//! > GUEST.CALL GET public:greeting               # with the guest's rights, from 7.2 on
//! (nil)
//! > GUEST.CALL GET private:letter
//! (error) ERR the user has no permission for the command or its keys
//! > GUEST.MAY default GET private:letter
//! (integer) 1
//! > ACL SETUSER ann on ~* +@all
//! OK
//! > GUEST.TICKET ann sesame
//! OK
//! > AUTH ticket:ann sesame                       # from 7.2 on
//! OK
//! > AUTH ticket:ann mellon
//! (error) DENIED the ticket is not valid
//! > GUEST.EXPEL                                  # all guests lose their connection
//! (integer) 1
//! ```
//!
//! (The rights are written a little differently by each version of the server.)
#![forbid(unsafe_code)]

mod guest;
mod ticket;

use redis_context::{Error, LoadContext};

redis_context::module! {
    name: "acl_auth",
    version: 1,
    init: init,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    guest::register(load)?;
    ticket::register(load)
}
