//! Where the server stands when one module calls another, whose statics do not know.

use crate::blocked::{Leaving, leaving_client};
use crate::keyspace::{Telling, is_telling};
use crate::serving::{Serving, is_serving};

/// What the called module must leave alone, as the calling one must.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Situation {
    is_serving: u32,
    is_telling: u32,
    /// The client that is being freed; 0 for none.
    leaving: u64,
}

impl Situation {
    /// As this module knows it.
    pub(super) fn now() -> Self {
        Self { is_serving: is_serving().into(), is_telling: is_telling().into(), leaving: leaving_client() }
    }

    /// Lets this module know it, for as long as the result lives.
    pub(super) fn begin(self) -> Known {
        Known {
            _serving: (self.is_serving != 0).then(Serving::begin),
            _telling: (self.is_telling != 0).then(Telling::begin),
            _leaving: Leaving::of(self.leaving),
        }
    }
}

/// A situation that this module knows.
pub(super) struct Known {
    _serving: Option<Serving>,
    _telling: Option<Telling>,
    _leaving: Leaving,
}
