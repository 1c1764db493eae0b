//! A module that holds live, exact copies of other servers' data beside this server's own.
