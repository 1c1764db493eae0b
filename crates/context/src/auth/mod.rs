//! Authentication: who a client is.
//!
//! ```text
//! AUTH, HELLO AUTH --> handler of on_auth --> NotHandled   the next module, then the server's own passwords
//!                                         --> Granted      as a user of the ACL or of the module
//!                                         --> Denied, Err  refused
//!                                         --> Blocked      decided later, with what a thread has found out
//! any command      --> CommandContext::authenticate
//! ```

mod block;
mod grant;
mod handler;

pub use block::{AuthUnblocker, BlockedAuth};
pub use grant::Grant;
pub use handler::{AuthContext, Verdict};

use crate::context::Context;

/// The module goes, or its load has failed: the server forgets the handler by itself.
pub(crate) fn abandon(ctx: &Context<'_>) {
    handler::abandon(ctx);
}
